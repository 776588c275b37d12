# Writes a small ONNX file by hand, with one thing wrong: bad_model.pl KIND FILE.
use strict;
use warnings;

sub varint {
    my $n = shift;
    my $out = '';
    while ($n > 127) { $out .= chr(128 | $n & 127); $n >>= 7 }
    return $out . chr($n);
}
sub field { my ($number, $bytes) = @_; return varint($number << 3 | 2) . varint(length $bytes) . $bytes }
sub number { my ($number, $value) = @_; return varint($number << 3) . varint($value) }

sub value { # of GraphProto.input and output
    my ($name, $type, @dims) = @_;
    my $shape = join '', map { field(1, number(1, $_)) } @dims;
    return field(1, $name) . field(2, field(1, number(1, $type) . field(2, $shape)));
}
sub node {
    my ($op, $in, $out) = @_;
    return join('', map { field(1, $_) } @$in) . field(2, $out) . field(3, "n_$out") . field(4, $op);
}
sub weight { # float32, or outside: @external is key, value, ...
    my ($name, $dims, $raw, @external) = @_;
    my $tensor = join('', map { number(1, $_) } @$dims) . number(2, 1) . field(8, $name);
    return $tensor . field(9, $raw) unless @external;
    while (my ($key, $text) = splice @external, 0, 2) {
        $tensor .= field(13, field(1, $key) . field(2, $text));
    }
    return $tensor . number(14, 1);
}
sub model {
    my ($nodes, $weights, $type) = @_;
    my $graph = join('', map { field(1, $_) } @$nodes) . field(2, 'g')
        . join('', map { field(5, $_) } @$weights)
        . field(11, value('x', $type || 1, 4)) . field(12, value('y', $type || 1, 4));
    return number(1, 8) . field(7, $graph) . field(8, field(1, '') . number(2, 17));
}
sub deep { # a graph in an attribute of a node of a graph ..., so many messages
    my $levels = shift;
    my @head = ('');
    my $length = 0;
    for my $depth (reverse 0 .. $levels - 1) { # from the inside; GraphProto.node, .attribute, .g
        my $field = $depth ? (1, 5, 6)[($depth - 1) % 3] : 7;
        push @head, varint($field << 3 | 2) . varint($length);
        $length += length $head[-1];
    }
    return join '', reverse @head;
}

my $w = pack 'f4', 1, 2, 3, 4;
my $add = node('Add', ['x', 'w'], 'y');
my %kind = (
    good => sub { model([$add], [weight('w', [4], $w)]) },
    deep => sub { deep(1_000_000) },
    cycle => sub { model([node('Add', ['x', 'b'], 'a'), node('Relu', ['a'], 'b'), node('Relu', ['b'], 'y')], []) },
    dangling => sub { model([node('Add', ['x', 'nowhere'], 'y')], []) },
    twice => sub { model([node('Relu', ['x'], 'y'), node('Tanh', ['x'], 'y')], []) },
    dtype => sub { model([$add], [weight('w', [4], $w)], 77) },
    length => sub { model([$add], [weight('w', [1000], $w)]) },
    negative => sub { model([$add], [weight('w', [~0], $w)]) },
    huge => sub { model([$add], [weight('w', [1 << 40, 1 << 40], $w)]) },
    climbs => sub { model([$add], [weight('w', [4], '', 'location', '../secret.bin')]) },
    absolute => sub { model([$add], [weight('w', [4], '', 'location', '/etc/passwd')]) },
    missing => sub { model([$add], [weight('w', [4], '', 'location', 'none.bin')]) },
    short => sub { model([$add], [weight('w', [4], '', 'location', 'short.bin')]) },
    offset => sub { model([$add], [weight('w', [4], '', 'location', 'w.bin', 'offset', '8')]) },
);
my ($what, $path) = @ARGV;
open my $file, '>:raw', $path or die "$path: $!\n";
print $file $kind{$what}->();
close $file or die "$path: $!\n";

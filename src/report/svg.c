#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/svg_int.h"

typedef struct colours {
    const char *ink, *soft, *rule, *grid, *paper, *panel;
    const char *series[FF_SVG_COLOURS]; /* at least 3:1 against paper */
} colours;

static const colours LIGHT = {
    .ink = "#1b2430",
    .soft = "#55606e",
    .rule = "#9aa5b1",
    .grid = "#e4e8ed",
    .paper = "#ffffff",
    .panel = "#f3f5f8",
    .series = {"#0b62b0", "#c2500a", "#14804a", "#8a3ab9", "#0b7a85", "#b8256e", "#7a5a10",
               "#66717e"},
};
static const colours DARK = {
    .ink = "#e7ebf0",
    .soft = "#a9b3bf",
    .rule = "#6b7785",
    .grid = "#2c3540",
    .paper = "#14191f",
    .panel = "#1e252d",
    .series = {"#5aa9f5", "#f59a4c", "#4fc98a", "#c792f2", "#4cc7d4", "#f27ab5", "#d8b45a",
               "#98a3b0"},
};

static void put_colours(ff_markup *m, const colours *c)
{
    ff_markup_put(m,
                  ".fanfold .ink{fill:%s}.fanfold .soft{fill:%s}.fanfold .paper{fill:%s}"
                  ".fanfold .panel{fill:%s}.fanfold .rule{stroke:%s}.fanfold .grid{stroke:%s}"
                  ".fanfold .edge{stroke:%s}.fanfold .rulefill{fill:%s}"
                  ".fanfold .rulebox{stroke:%s}.fanfold .mark{stroke:%s}",
                  c->ink, c->soft, c->paper, c->panel, c->rule, c->grid, c->paper, c->rule, c->rule,
                  c->soft);
    for (int i = 0; i < FF_SVG_COLOURS; i++)
        ff_markup_put(m, ".fanfold .f%d{fill:%s}.fanfold .k%d{stroke:%s}", i, c->series[i], i,
                      c->series[i]);
}

void ff_svg_open(ff_markup *m, double width, double height, const char *title)
{
    ff_markup_put(m,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"fanfold\" role=\"img\" "
                  "width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n<title>",
                  ceil(width), ceil(height), ceil(width), ceil(height));
    ff_markup_text(m, title);
    ff_markup_put(m, "</title>\n<style>.fanfold{font-family:system-ui,-apple-system,'Segoe UI',"
                     "'DejaVu Sans',sans-serif}.fanfold .bold{font-weight:600}"
                     ".fanfold .line{fill:none;stroke-width:2;stroke-linejoin:round}"
                     ".fanfold .rule,.fanfold .grid{fill:none}\n");
    put_colours(m, &LIGHT);
    ff_markup_put(m, "\n@media (prefers-color-scheme:dark){");
    put_colours(m, &DARK);
    ff_markup_put(m,
                  "}\n</style>\n<rect class=\"paper\" x=\"0\" y=\"0\" width=\"%.0f\" "
                  "height=\"%.0f\"/>\n",
                  width, height);
}

void ff_svg_close(ff_markup *m)
{
    ff_markup_put(m, "</svg>\n");
}

/* Of a wide common font; in parts of its size. */
static double char_width(uint32_t c)
{
    if (c >= 0x1100)
        return 1.05;
    if (c >= 0x80 || (c >= 'A' && c <= 'Z'))
        return 0.72;
    if (c == 'm' || c == 'w' || c == '%' || c == '@' || c == '+' || c == '=')
        return 0.9;
    if (c == ' ' || strchr("ijl.,:;'|!()", (int)c))
        return 0.38;
    return 0.61;
}

double ff_svg_text_width(const char *text, double size)
{
    double width = 0;
    uint32_t c = 0;
    while (*text) {
        text += ff_markup_char(text, &c);
        width += char_width(c) * size;
    }
    return width;
}

/* As much of text as fits, with "…". */
static void put_cut(ff_markup *m, const char *text, double size, double most)
{
    double width = char_width('n') * size;
    uint32_t c = 0;
    char one[5] = "";
    while (*text) {
        size_t len = ff_markup_char(text, &c);
        width += char_width(c) * size;
        if (width > most)
            break;
        memcpy(one, text, len);
        one[len] = '\0';
        ff_markup_text(m, one);
        text += len;
    }
    ff_markup_put(m, "\xe2\x80\xa6");
}

void ff_svg_text(ff_markup *m, double x, double y, ff_svg_anchor anchor, const char *class,
                 double size, double most, const char *text)
{
    static const char *const ANCHORS[] = {"start", "middle", "end"};
    ff_markup_put(m, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" font-size=\"%g\" ", class, x, y,
                  size);
    ff_markup_put(m, "text-anchor=\"%s\">", ANCHORS[anchor]);
    if (ff_svg_text_width(text, size) <= most) {
        ff_markup_text(m, text);
    } else {
        ff_markup_put(m, "<title>");
        ff_markup_text(m, text);
        ff_markup_put(m, "</title>");
        put_cut(m, text, size, most);
    }
    ff_markup_put(m, "</text>\n");
}

void ff_svg_marker(ff_markup *m, double x, double y, int series, const char *tooltip)
{
    static const char *const SHAPES[] = {
        "m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z", /* circle, square, triangle, diamond */
        "m-3.2 -3.2h6.4v6.4h-6.4z",
        "m0 -4.2l4.2 7.4h-8.4z",
        "m0 -4.6l4.2 4.6l-4.2 4.6l-4.2 -4.6z",
    };
    ff_markup_put(m, "<path class=\"f%d edge marker\" d=\"M%.2f %.2f%s\"", series % FF_SVG_COLOURS,
                  x, y, SHAPES[series % 4]);
    if (!tooltip) {
        ff_markup_put(m, "/>\n");
        return;
    }
    ff_markup_put(m, "><title>");
    ff_markup_text(m, tooltip);
    ff_markup_put(m, "</title></path>\n");
}

const char *ff_svg_dash(int series)
{
    static const char *const DASHES[FF_SVG_COLOURS] = {
        "",
        "",
        " stroke-dasharray=\"7 3\"",
        " stroke-dasharray=\"2 3\"",
        " stroke-dasharray=\"9 3 2 3\"",
        " stroke-dasharray=\"4 2\"",
        " stroke-dasharray=\"1 2\"",
        " stroke-dasharray=\"12 4\"",
    };
    return DASHES[series % FF_SVG_COLOURS];
}

#define LEGEND_ROW  20
#define LEGEND_SIZE 12

double ff_svg_legend(ff_markup *m, double x, double y, double width, int count,
                     const char *const *names, bool lines, bool markers)
{
    double at = x, top = y;
    for (int i = 0; i < count; i++) {
        double text = ff_svg_text_width(names[i], LEGEND_SIZE), key = 30;
        double room = text + key + 18 < width ? text + key + 18 : width;
        if (at > x && at + room > x + width) {
            at = x;
            top += LEGEND_ROW;
        }
        if (m && lines)
            ff_markup_put(m, "<path class=\"line k%d\"%s d=\"M%.1f %.1fh22\"/>\n",
                          i % FF_SVG_COLOURS, ff_svg_dash(i), at, top + 10);
        if (m && markers)
            ff_svg_marker(m, at + 11, top + 10, i, NULL);
        if (m && !lines && !markers)
            ff_markup_put(
                m, "<rect class=\"f%d\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\"/>\n",
                i % FF_SVG_COLOURS, at + 8, top + 4);
        if (m)
            ff_svg_text(m, at + key, top + 14, FF_SVG_START, "ink", LEGEND_SIZE, room - key - 2,
                        names[i]);
        at += room;
    }
    return top + LEGEND_ROW - y;
}

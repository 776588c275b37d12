/*
 * Reads XML (and HTML that is XML too) into a list of elements, strictly: tags in balance, quoted
 * attributes without duplicates, known entities, UTF-8, no character that XML forbids. For tests
 * of what report/ writes.
 */
#ifndef TEST_XML_CHECK_H
#define TEST_XML_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#define XML_ATTRIBUTES 16

typedef struct xml_element {
    char *name;
    int parent; /* index, -1 of the root */
    int attribute_count;
    struct {
        char *name, *value; /* unescaped */
    } attribute[XML_ATTRIBUTES];
    char *text; /* unescaped, its own: not its children's */
} xml_element;

typedef struct xml_doc {
    int count;
    xml_element *element; /* in document order */
    char fault[200];      /* "" = well-formed */
} xml_doc;

/* fault says what is wrong where it is not well-formed. */
xml_doc xml_read(const void *text, size_t len);
void xml_clean(xml_doc *doc);
/* The attribute's value, or NULL. */
const char *xml_attribute(const xml_element *element, const char *name);
double xml_number(const xml_element *element, const char *name); /* NaN where there is none */
/* Has class="... name ..."? */
bool xml_has_class(const xml_element *element, const char *name);
/* The n-th element of that name and class (NULL = any), or NULL. */
const xml_element *xml_find(const xml_doc *doc, const char *name, const char *class, int n);
int xml_count(const xml_doc *doc, const char *name, const char *class);
/* Is there an element of that name whose own text is this? */
bool xml_has_text(const xml_doc *doc, const char *name, const char *text);

#endif

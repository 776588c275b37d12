/*
 * What others say of the networks' sizes, and the table of docs/zoo.md made of that and of ours.
 */
#ifndef FF_TESTS_ZOO_PUBLISHED_H
#define FF_TESTS_ZOO_PUBLISHED_H

#include <string.h>

#include "base/buf.h"
#include "zoo/zoo.h"

typedef struct published {
    const char *name;
    double parameters;
    bool exact;   /* the source gives parameters to the unit */
    double gmacs; /* 1e9 multiply-adds; 0 = not published */
    const char *source;
} published;

#define TORCHVISION "torchvision's table of models"

static const published PUBLISHED[] = {
    {"resnet50-v1", 25557032, true, 3.8, "He et al. 2016; " TORCHVISION " (parameters)"},
    {"resnet50-v2", 25.55e6, false, 4.11, "timm, resnetv2_50"},
    {"resnet152-v2", 60.19e6, false, 11.55, "timm, resnetv2_152"},
    {"vgg11", 132863336, true, 7.609, TORCHVISION},
    {"vgg16", 138357544, true, 15.47, TORCHVISION},
    {"vgg19", 143667240, true, 19.632, TORCHVISION},
    {"wrn34-1", 21797672, true, 3.664, TORCHVISION ", resnet34"},
    {"wrn50-1", 25557032, true, 4.089, TORCHVISION ", resnet50"},
    {"wrn50-3", 217.3e6, false, 0, "the hybrid-sharing paper: 869 MB"},
    {"densenet121", 7978856, true, 2.834, TORCHVISION},
    {"inception-v3", 23834568, true, 5.713, TORCHVISION ", less the auxiliary head's 3326696"},
    {"mobilenet-v2", 3504872, true, 0.301, TORCHVISION},
    {"unet", 31.04e6, false, 48.3,
     "54.74 G by ptflops, less the 6.44 G by which it overcounts transposed convolutions"},
    {"efficientnet-b0", 5288548, true, 0.386, TORCHVISION},
    {"vit-b16", 86567656, true, 17.564, TORCHVISION},
    {"bert-base", 109482240, true, 11.25, "Hugging Face (parameters); 22.5 GFLOPs in TinyBERT"},
    {"gpt2-small", 124439808, true, 16.11,
     "Hugging Face (parameters); nanoGPT's count, which for 1024 tokens is 291.6 GFLOPs"},
};
#define PUBLISHED_COUNT (sizeof PUBLISHED / sizeof *PUBLISHED)

static const published *published_of(const char *name)
{
    for (size_t i = 0; i < PUBLISHED_COUNT; i++)
        if (strcmp(PUBLISHED[i].name, name) == 0)
            return &PUBLISHED[i];
    return NULL;
}

/* "138.36 M, 15.47 G"; a dash for what is not published. */
static ff_code put_published(ff_buf *table, const published *p)
{
    ff_code code = ff_buf_printf(table, NULL, " %.2f M |", p->parameters / 1e6);
    if (code == FF_OK && p->gmacs > 0)
        code = ff_buf_printf(table, NULL, " %.2f G | %s |\n", p->gmacs, p->source);
    else if (code == FF_OK)
        code = ff_buf_printf(table, NULL, " - | %s |\n", p->source);
    return code;
}

static ff_code published_table(ff_buf *table)
{
    ff_code code =
        ff_buf_printf(table, NULL,
                      "| name | what | parameters | GFLOPs | published parameters | published "
                      "multiply-adds | source |\n|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < ff_zoo_count() && code == FF_OK; i++) {
        ff_zoo_info info;
        code = ff_zoo_info_at(i, &info, NULL);
        if (code != FF_OK)
            break;
        code = ff_buf_printf(table, NULL, "| %s | %s | %llu | %.2f |", info.name, info.about,
                             (unsigned long long)info.parameters, (double)info.flops / 1e9);
        const published *p = published_of(info.name);
        if (code == FF_OK && p == NULL)
            code = ff_buf_printf(table, NULL, " - | - | |\n");
        else if (code == FF_OK)
            code = put_published(table, p);
    }
    return code;
}

#endif

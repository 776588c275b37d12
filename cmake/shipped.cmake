# profiles/<kind>/<name>.json as bytes in the library of profile/, so that a program finds them
# wherever it is installed (src/profile/shipped.h).
function(ff_shipped_profiles target)
    file(GLOB profiles CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/profiles/*/*.json)
    list(SORT profiles)
    set(arrays "")
    set(rows "")
    set(n 0)
    foreach(path ${profiles})
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
        get_filename_component(name ${path} NAME_WE)
        get_filename_component(folder ${path} DIRECTORY)
        get_filename_component(kind ${folder} NAME)
        file(READ ${path} hex HEX)
        string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
        string(REGEX REPLACE "(................................................................................)"
            "\\1\n" bytes "${bytes}")
        string(APPEND arrays "static const uint8_t B${n}[] = {\n${bytes}};\n")
        string(APPEND rows "    {\"${kind}\", \"${name}\", {B${n}, sizeof B${n}}},\n")
        math(EXPR n "${n} + 1")
    endforeach()
    set(source ${CMAKE_BINARY_DIR}/shipped_profiles.c)
    file(CONFIGURE OUTPUT ${source} CONTENT "/* made by cmake/shipped.cmake */
#include \"profile/shipped.h\"
${arrays}const ff_shipped FF_SHIPPED[] = {\n${rows}};
const int FF_SHIPPED_COUNT = ${n};
" @ONLY)
    target_sources(${target} PRIVATE ${source})
endfunction()

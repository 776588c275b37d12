# Every library that is not ours. tools/deps installs them; what it unpacks lies in third_party/.
set(FF_THIRD_PARTY ${CMAKE_SOURCE_DIR}/third_party)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(CURL 7.68 REQUIRED)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(STB REQUIRED IMPORTED_TARGET stb)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
find_program(PROTOC_C protoc-c REQUIRED)
find_path(ONNX_PROTO_DIR onnx/onnx.proto REQUIRED)

function(ff_imported name library include)
    add_library(${name} UNKNOWN IMPORTED GLOBAL)
    set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${library}
        INTERFACE_INCLUDE_DIRECTORIES ${include})
endfunction()

# ONNX Runtime: $ONNXRUNTIME_ROOT, then pkg-config, then third_party/.
if(DEFINED ENV{ONNXRUNTIME_ROOT})
    set(ort_hints $ENV{ONNXRUNTIME_ROOT})
else()
    pkg_check_modules(ORT QUIET libonnxruntime)
    set(ort_hints ${ORT_LIBDIR} ${ORT_INCLUDEDIR} ${FF_THIRD_PARTY}/onnxruntime)
endif()
find_library(ORT_LIBRARY NAMES onnxruntime libonnxruntime.so.1 HINTS ${ort_hints}
    PATH_SUFFIXES lib NO_DEFAULT_PATH)
find_path(ORT_INCLUDE onnxruntime_c_api.h HINTS ${ort_hints}
    PATH_SUFFIXES include include/onnxruntime NO_DEFAULT_PATH)
if(NOT ORT_LIBRARY OR NOT ORT_INCLUDE)
    message(FATAL_ERROR "ONNX Runtime not found: run `make deps`, or set ONNXRUNTIME_ROOT")
endif()
ff_imported(ff::onnxruntime ${ORT_LIBRARY} ${ORT_INCLUDE})

# yyjson: the system's, then third_party/.
find_library(YYJSON_LIBRARY NAMES yyjson HINTS ${FF_THIRD_PARTY}/yyjson/lib)
find_path(YYJSON_INCLUDE yyjson.h HINTS ${FF_THIRD_PARTY}/yyjson/include)
if(NOT YYJSON_LIBRARY OR NOT YYJSON_INCLUDE)
    message(FATAL_ERROR "yyjson not found: run `make deps`")
endif()
ff_imported(ff::yyjson ${YYJSON_LIBRARY} ${YYJSON_INCLUDE})

# ONNX's messages, generated from Debian's onnx.proto (not ours: no warnings asked of it).
set(pb_dir ${CMAKE_BINARY_DIR}/generated)
add_custom_command(
    OUTPUT ${pb_dir}/onnx/onnx.pb-c.c ${pb_dir}/onnx/onnx.pb-c.h
    COMMAND ${CMAKE_COMMAND} -E make_directory ${pb_dir}
    COMMAND ${PROTOC_C} --c_out=${pb_dir} -I${ONNX_PROTO_DIR} onnx/onnx.proto
    DEPENDS ${ONNX_PROTO_DIR}/onnx/onnx.proto)
add_library(ff_onnx_proto STATIC ${pb_dir}/onnx/onnx.pb-c.c)
target_include_directories(ff_onnx_proto SYSTEM PUBLIC ${pb_dir})
target_link_libraries(ff_onnx_proto PUBLIC PkgConfig::PROTOBUF_C)

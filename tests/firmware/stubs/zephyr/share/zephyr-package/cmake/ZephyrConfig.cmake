# As the real one, it begins a project of its own and makes the target app.
project(Zephyr-Kernel LANGUAGES C CXX)
set(CMAKE_CXX_STANDARD 17)
add_library(library STATIC "${STUBS}/tflm/interpreter.cc")
target_include_directories(library PUBLIC "${STUBS}/tflm"
  "${STUBS}/zephyr/include")
target_compile_definitions(library PUBLIC TF_LITE_STATIC_MEMORY
  INPUT_BYTES=64 OUTPUT_BYTES=10)
add_executable(app)
target_link_libraries(app PRIVATE library)

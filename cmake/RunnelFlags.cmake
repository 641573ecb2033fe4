# Warnings and sanitizers, for the library, its tests and its programs alike.
function(runnel_flags target)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wpedantic
        -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes>)
    if(WIN32 AND CMAKE_C_COMPILER_ID STREQUAL "GNU") # the headers read the thread's block at 0
        target_compile_options(${target} PRIVATE --param=min-pagesize=0)
    endif()
    if(RUNNEL_WERROR)
        target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:C>:-Werror>)
    endif()
    if(RUNNEL_SANITIZE STREQUAL "address")
        target_compile_options(${target} PRIVATE -fsanitize=address,undefined
            -fno-sanitize-recover=all -fno-omit-frame-pointer)
        target_link_options(${target} PUBLIC -fsanitize=address,undefined)
    elseif(RUNNEL_SANITIZE)
        target_compile_options(${target} PRIVATE -fsanitize=${RUNNEL_SANITIZE}
            -fno-omit-frame-pointer)
        target_link_options(${target} PUBLIC -fsanitize=${RUNNEL_SANITIZE})
    endif()
endfunction()

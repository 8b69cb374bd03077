# The version of ladderd, LADDER_VERSION, its day, LADDER_DAY, and that in seconds since 1970, LADDER_EPOCH:
# those of the first entry of the package's changelog.
set(changelog ${CMAKE_CURRENT_LIST_DIR}/changelog)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${changelog})
file(STRINGS ${changelog} entry REGEX "^ladderd \\([0-9.]+\\)" LIMIT_COUNT 1)
file(STRINGS ${changelog} signature REGEX "^ -- .*>  " LIMIT_COUNT 1)
string(REGEX REPLACE "^ladderd \\(([0-9.]+)\\).*" "\\1" LADDER_VERSION "${entry}")
string(REGEX REPLACE "^ -- .*>  " "" moment "${signature}")
execute_process(COMMAND date -u -d "${moment}" "+%F;%s" OUTPUT_VARIABLE moment
	OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
list(GET moment 0 LADDER_DAY)
list(GET moment 1 LADDER_EPOCH)

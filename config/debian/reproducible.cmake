# Read by cpack: the times in the package are that of its version, so that the same source makes the same
# bytes.
set(ENV{SOURCE_DATE_EPOCH} ${CPACK_LADDER_EPOCH})

# $NetBSD$

PKG_OPTIONS_VAR=	PKG_OPTIONS.pkgjail
PKG_SUPPORTED_OPTIONS=	tests

.include "../../mk/bsd.options.mk"

# Those of the tests that need no root are run by "make test".
.if !empty(PKG_OPTIONS:Mtests)
CMAKE_CONFIGURE_ARGS+=	-DPKGJAIL_TESTS=ON
TEST_TARGET=		check
.include "../../devel/catch2/buildlink3.mk"
.else
CMAKE_CONFIGURE_ARGS+=	-DPKGJAIL_TESTS=OFF
.endif

/* What pkgjail-enter says when it cannot become the program that it was given. For C and C++. */
#ifndef PKGJAIL_CONFINE_ENTER_FAILURE_H
#define PKGJAIL_CONFINE_ENTER_FAILURE_H

enum enter_stage { ENTER_USAGE = 1, ENTER_DESCRIPTORS, ENTER_HOLD, ENTER_EXEC };

struct enter_failure {
	enum enter_stage stage;
	int error; /* errno */
};

#endif

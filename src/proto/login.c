/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * login - what stands beside the machines of the login phase: the status
 * codes in words, and the form of addresses.  The initiator's machine is
 * login_initiator.c, the target's login_target.c.
 */
#include <ctype.h>
#include <string.h>

#include "proto/login.h"

const char *
login_status_name(uint16_t status)
{
	switch (status) {
	case LOGIN_SUCCESS:
		return "success";
	case LOGIN_MOVED_TEMPORARILY:
		return "target moved temporarily";
	case LOGIN_MOVED_PERMANENTLY:
		return "target moved permanently";
	case LOGIN_INITIATOR_ERROR:
		return "initiator error";
	case LOGIN_AUTHENTICATION_FAILURE:
		return "authentication failure";
	case LOGIN_AUTHORIZATION_FAILURE:
		return "authorization failure";
	case LOGIN_NOT_FOUND:
		return "target not found";
	case LOGIN_TARGET_REMOVED:
		return "target removed";
	case LOGIN_UNSUPPORTED_VERSION:
		return "unsupported version";
	case LOGIN_TOO_MANY_CONNECTIONS:
		return "too many connections";
	case LOGIN_MISSING_PARAMETER:
		return "missing parameter";
	case LOGIN_CANNOT_INCLUDE:
		return "cannot include the connection in the session";
	case LOGIN_SESSION_TYPE:
		return "session type not supported";
	case LOGIN_NO_SESSION:
		return "session does not exist";
	case LOGIN_INVALID_DURING_LOGIN:
		return "invalid request during login";
	case LOGIN_TARGET_ERROR:
		return "target error";
	case LOGIN_SERVICE_UNAVAILABLE:
		return "service unavailable";
	case LOGIN_OUT_OF_RESOURCES:
		return "out of resources";
	}
	switch (status >> 8) {
	case 1:
		return "unknown kind of redirection";
	case 2:
		return "unknown initiator error";
	case 3:
		return "unknown target error";
	default:
		return "unknown status";
	}
}

const char *
login_status_advice(uint16_t status, bool chap)
{
	switch (status) {
	case LOGIN_INITIATOR_ERROR:
		return "the target's log may say what it dislikes";
	case LOGIN_AUTHENTICATION_FAILURE:
		if (!chap)
			return "the target asked for CHAP and no user name was "
			       "given";
		return "check the CHAP user name and secret";
	case LOGIN_AUTHORIZATION_FAILURE:
		return "check that the target's access list has this "
		       "initiator's name";
	case LOGIN_NOT_FOUND:
		return "check the target name; discovery shows the names that "
		       "this portal has";
	case LOGIN_TARGET_REMOVED:
		return "the target is no longer served here";
	case LOGIN_UNSUPPORTED_VERSION:
		return "the target does not speak iSCSI version 0";
	case LOGIN_TOO_MANY_CONNECTIONS:
		return "end other sessions to the target or raise its limit";
	case LOGIN_MISSING_PARAMETER:
		return "the target wants a key that was not sent";
	case LOGIN_CANNOT_INCLUDE:
	case LOGIN_NO_SESSION:
		return "the session is gone; log in anew";
	case LOGIN_SESSION_TYPE:
		return "the portal may be for discovery only, or for targets "
		       "only";
	case LOGIN_INVALID_DURING_LOGIN:
		return "the target did not expect this request";
	case LOGIN_TARGET_ERROR:
		return "look at the target's log";
	case LOGIN_SERVICE_UNAVAILABLE:
		return "the target is out of operation, or there is none of "
		       "this name; discovery shows the names that this portal "
		       "has";
	default:
		return status >> 8 == 3 ? "try again later"
					: "look at the target's log";
	}
}

/* The port that ends an address: digits, 1 to 65535. */
static bool
port_valid(const char *port, size_t len)
{
	unsigned long n = 0;
	size_t i;

	for (i = 0; i < len && n <= 65535; i++) {
		if (!isdigit((unsigned char)port[i]))
			return false;
		n = n * 10 + (unsigned long)(port[i] - '0');
	}
	return len > 0 && n >= 1 && n <= 65535;
}

size_t
login_address_len(const char *address)
{
	static const char hex[] = "0123456789abcdefABCDEF:.";
	static const char host[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	size_t len = strcspn(address, ","), n;

	if (address[0] == '[') {
		n = 1 + strspn(address + 1, hex);
		if (n < 3 || address[n] != ']')
			return 0;
		n++;
	} else {
		n = strspn(address, host);
	}
	if (n == 0 || len > ISCSI_ADDR_MAX)
		return 0;
	if (n == len)
		return len;
	return address[n] == ':' && port_valid(address + n + 1, len - n - 1)
		   ? len
		   : 0;
}


/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys --help, and evolu-keys COMMAND --help.
 */


#ifndef _EVOLU_KEYS_HELP_H_INCLUDED_
#define _EVOLU_KEYS_HELP_H_INCLUDED_


#include "evolu_keys.h"


/* Prints how a command is used, or with NULL what commands there are. */
void evolu_keys_help(const evolu_keys_command_t *command);


#endif /* _EVOLU_KEYS_HELP_H_INCLUDED_ */

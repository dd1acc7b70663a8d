
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Texts are laid out here, options by argp.
 */


#include <stdio.h>
#include <stdlib.h>

#include "evolu_keys_help.h"
#include "evolu_keys_parse.h"
#include "evolu_keys_print.h"


typedef struct {
    const char  *command;
    const char  *usage;          /* a line for each way to call it */
    const char  *text;           /* what it does, and after "\v" examples */
} evolu_keys_help_t;


static const evolu_keys_help_t *evolu_keys_help_find(
    const evolu_keys_command_t *command);
static struct argp_option *evolu_keys_help_options(
    const evolu_keys_command_t *command);


static const evolu_keys_help_t  evolu_keys_helps[] = {
    { NULL,
      "COMMAND [ARGUMENT...]",
      "Makes, lists, rotates, revokes and checks the API keys that nginx "
      "accepts.\n\n"
      " Commands:\n"
      "  create global | instance NAME | campaign SLUG\n"
      "                         Make a key; its credential is printed once\n"
      "  rotate LOCATOR         Make a new key; the others end after a while\n"
      "  revoke LOCATOR [ID]    Remove one key, or all of them\n"
      "  disable LOCATOR [ID]   Refuse them for now\n"
      "  enable LOCATOR [ID]    Accept them again\n"
      "  import instances | campaigns\n"
      "                         Take keys that exist from CSV\n"
      "  list [LOCATOR]         List keys, never a secret\n"
      "  show LOCATOR           Show one record with its keys\n"
      "  verify [LOCATOR]       Say what nginx would say to a credential\n"
      "  check                  Find whatever is wrong in the stores\n\n"
      "A LOCATOR is global, instance:NAME or campaign:MODE:SLUG. \"evolu-keys "
      "COMMAND --help\" says more of each."
      "\v"
      "list, show, verify and check answer in text on a terminal, and in JSON "
      "elsewhere. With neither --redis, --file nor --nginx-conf the store is "
      "that of EVOLU_REDIS_URL; without --pepper, peppers are those of "
      "EVOLU_PEPPER.\n\n"
      "Examples:\n\n"
      "  export EVOLU_REDIS_URL=redis://127.0.0.1:6379\n"
      "  export EVOLU_PEPPER=p1:/etc/evolu/p1.pepper\n"
      "  evolu-keys create instance shop\n"
      "  evolu-keys list\n"
      "  evolu-keys --nginx-conf /etc/nginx/nginx.conf check\n\n"
      "Exit status: 0 done, 1 refused or not found, 2 usage, 3 the store "
      "cannot be reached." },

    { "create",
      "create global\n"
      "create instance NAME\n"
      "create campaign SLUG",
      "Makes a key and adds it to the record, which is made where there is "
      "none. Its credential is printed alone on standard output, and never "
      "again: only its hash is kept. Global keys live in the key file."
      "\v"
      "Examples:\n\n"
      "  evolu-keys create campaign aB3dE6gH --expires 90d\n"
      "  evolu-keys create campaign aB3dE6gH --mode test\n"
      "  evolu-keys create instance shop --allow 10.0.0.0/8 > shop.key\n"
      "  evolu-keys create instance shop --token - < token.txt\n"
      "  evolu-keys --file /etc/evolu/keys create global" },

    { "rotate",
      "rotate LOCATOR",
      "Makes a new key as create does; every other key of the record that is "
      "good now expires after --overlap, if not earlier. Without --allow the "
      "new key has the addresses of the others."
      "\v"
      "Examples:\n\n"
      "  evolu-keys rotate campaign:live:aB3dE6gH\n"
      "  evolu-keys rotate instance:shop --overlap 7d\n"
      "  evolu-keys rotate instance:shop --overlap 0s   # a leak: at once" },

    { "revoke",
      "revoke LOCATOR [ID]",
      "Removes one key, or all keys of the record. In Redis that holds at "
      "every nginx at once; after a change of the key file nginx must be "
      "reloaded."
      "\v"
      "Examples:\n\n"
      "  evolu-keys revoke instance:shop k1\n"
      "  evolu-keys revoke campaign:live:aB3dE6gH" },

    { "disable",
      "disable LOCATOR [ID]",
      "Has one key, or all keys of the record, refused until they are "
      "enabled."
      "\v"
      "Examples:\n\n"
      "  evolu-keys disable instance:shop\n"
      "  evolu-keys disable campaign:live:aB3dE6gH k1" },

    { "enable",
      "enable LOCATOR [ID]",
      "Undoes disable. A key of a record that is disabled stays refused."
      "\v"
      "Examples:\n\n"
      "  evolu-keys enable instance:shop\n"
      "  evolu-keys enable campaign:live:aB3dE6gH k1" },

    { "import",
      "import instances\n"
      "import campaigns",
      "Reads CSV from standard input. instances: name,token[,clientName], as "
      "in the table \"Instance\" of Evolution API; their keys get the id "
      "\"import\". campaigns: mode,slug,id,hash[,exp], hashes that exist "
      "already. A heading may name the columns. Rows that cannot be used are "
      "listed, and then nothing is written unless --skip-unusable. May be run "
      "again at any time."
      "\v"
      "Examples:\n\n"
      "  psql -XAtqc 'COPY (SELECT name, token FROM \"Instance\")\n"
      "      TO STDOUT (FORMAT csv, HEADER)' > instances.csv\n"
      "  evolu-keys import instances --dry-run < instances.csv\n"
      "  evolu-keys import instances --prune < instances.csv\n"
      "  evolu-keys import campaigns < hashes.csv" },

    { "list",
      "list [LOCATOR]",
      "Lists the keys of one record, or all: active, disabled, expired, "
      "not_yet_valid or void, which is a key that cannot be read and so "
      "matches nothing. On a terminal it is a table, elsewhere JSON, one key "
      "a line."
      "\v"
      "Examples:\n\n"
      "  evolu-keys list\n"
      "  evolu-keys list instance:shop\n"
      "  evolu-keys list | jq -r '.[] | select(.status == \"expired\").locator'"
      },

    { "show",
      "show LOCATOR",
      "Shows one record: whether it is disabled, its instance and its mode, "
      "and its keys."
      "\v"
      "Examples:\n\n"
      "  evolu-keys show instance:shop\n"
      "  evolu-keys --file /etc/evolu/keys show global" },

    { "verify",
      "verify [LOCATOR]",
      "Reads a credential from standard input and says what nginx would: "
      "allowed and who it is, or denied and why. LOCATOR is what the request "
      "addresses. Without it an instance token is looked up in the token "
      "index. Exit status 0 is allowed, 1 denied."
      "\v"
      "Examples:\n\n"
      "  evolu-keys verify < campaign.key\n"
      "  evolu-keys verify instance:shop < shop.key\n"
      "  evolu-keys verify instance:shop --address 10.1.2.3 < shop.key" },

    { "check",
      "check",
      "Reads every record and says what is wrong: records and keys that are "
      "void and why, a missing epoch, names that are never read, a token "
      "index that does not agree with the records; with both stores, records "
      "in Redis that the key file hides. Exit status 0 is no problem, 1 some."
      "\v"
      "Examples:\n\n"
      "  evolu-keys check\n"
      "  evolu-keys --nginx-conf /etc/nginx/nginx.conf check" }
};


void
evolu_keys_help(const evolu_keys_command_t *command)
{
    struct argp                argp;
    struct argp_option        *options;
    const evolu_keys_help_t   *help;

    static char  name[] = "evolu-keys";

    help = evolu_keys_help_find(command);
    options = evolu_keys_help_options(command);

    memset(&argp, 0, sizeof(struct argp));

    argp.options = options;
    argp.args_doc = help->usage;
    argp.doc = help->text;

    argp_help(&argp, stdout, ARGP_HELP_SHORT_USAGE|ARGP_HELP_LONG
              |ARGP_HELP_PRE_DOC|ARGP_HELP_POST_DOC, name);

    if (command != NULL) {
        puts("\nWhere the keys are, and options of all commands: evolu-keys "
             "--help");
    }

    free(options);
}


static const evolu_keys_help_t *
evolu_keys_help_find(const evolu_keys_command_t *command)
{
    size_t  i;

    if (command == NULL) {
        return &evolu_keys_helps[0];
    }

    for (i = 1; strcmp(evolu_keys_helps[i].command, command->name) != 0; i++) {
        continue;
    }

    return &evolu_keys_helps[i];
}


/* Of a command its own, else those of all; a group needs a member. */

static struct argp_option *
evolu_keys_help_options(const evolu_keys_command_t *command)
{
    size_t                     n;
    unsigned                   bit;
    struct argp_option        *options;
    const struct argp_option  *option;

    n = 0;
    options = NULL;

    for (option = evolu_keys_argp_options; /* void */ ; option++) {
        bit = evolu_keys_parse_bit(option->key);

        if (option->name != NULL
            && (command == NULL ? bit != 0 : !(bit & command->options)))
        {
            continue;
        }

        if (n != 0 && option->name == NULL && options[n - 1].name == NULL) {
            n--;
        }

        options = evolu_keys_realloc(options,
                                     (n + 1) * sizeof(struct argp_option));
        options[n++] = *option;

        if (option->name == NULL && option->doc == NULL) {
            return options;
        }
    }
}

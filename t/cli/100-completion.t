# Copyright (C) Evolu Auth Authors
#
# contrib/completion: bash by sourcing it, zsh on a terminal, and that both know
# the commands and options that --help names.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use EvoluKeys;
use IO::Select;
use Test::More;

redis_start();

my $top = "$FindBin::Bin/../..";
my $script = "$top/contrib/completion/evolu-keys.bash";
my $url = redis_url();
my @commands = qw(create rotate revoke disable enable import list show verify
                  check);

# what --help names, of all commands and of one

sub options {
    my ($status, $out) = keys_run([@_, '--help']);

    return [sort $out =~ /^  (?:-., |    )(--[a-z-]+)/mg];
}

my $common = options();
my %own = map { $_ => options($_) } @commands;

cmp_ok(@$common, '>', 15, 'options of all commands');
cmp_ok(@{$own{create}}, '>', 4, 'options of one');

redis('SET', 'evolu:epoch', 1);
redis('HSET', "evolu:$_", 'v', 1, 'key.k1', 'hash=sha256:' . '1' x 64,
      'key.k2', 'hash=sha256:' . '2' x 64)
    for 'campaign:live:aB3dE6gH', 'instance:shop', 'instance:sh op',
        'instance:shelf';


# bash

my $driver = write_file(keys_file('complete.sh'), <<'END');
. "$1"
COMP_LINE=$3 COMP_POINT=${#3} COMP_WORDS=("$2") COMPREPLY=()
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
_evolu_keys
printf '%s\n' "${COMPREPLY[@]}"
END

sub bash {
    my ($line) = @_;

    open my $out, '-|', 'bash', $driver, $script, keys_binary(),
        "evolu-keys $line" or die "bash: $!\n";

    return [sort grep { $_ ne '' } map { chomp; $_ } <$out>];
}

SKIP: {
    skip 'no shellcheck', 1 unless -x '/usr/bin/shellcheck' || $ENV{CI};
    is(`shellcheck -s bash '$script' 2>&1`, '', 'shellcheck');
}

is_deeply(bash(''), [sort @commands], 'bash: commands');
is_deeply(bash('--'), $common, 'options of all');

for my $command (@commands) {
    is_deeply(bash("$command --"), [sort @$common, @{$own{$command}}],
              "options of $command");
}

# each option that takes a value says so in --help, and is known to

for my $option (@$common, map { @$_ } values %own) {
    my (undef, $help) = keys_run(['--help']);
    $help .= join '', map { (keys_run([$_, '--help']))[1] } @commands;

    my $takes = $help =~ /\Q$option\E=/ ? 1 : 0;
    my $next = bash("$option ");

    is("@$next" eq join(' ', sort @commands) ? 0 : 1, $takes,
       "$option takes a value: $takes");
}

for my $case (
    ['cr', 'create'],
    ['create ', 'campaign global instance'],
    ['create inst', 'instance'],
    ['create instance ', ''],
    ['create --mode ', 'live test'],
    ['create --mode t', 'test'],
    ['create --mode=t', 'test'],
    ['import ', 'campaigns instances'],
    ['create --token ', '-'],
    ['create --id ', ''],
    ['--redis r', 'redis:// rediss://'],
    ['nonsense ', ''],
    ["--file $top/t/cli/100", "$top/t/cli/100-completion.t"],
    ["--file=$top/t/cli/100", "$top/t/cli/100-completion.t"],
    ["--pepper p1:$top/t/cli/100", "$top/t/cli/100-completion.t"],
    ["--redis $url list inst", 'instance: instance:shelf instance:shop'],
    ["--redis $url show instance:", 'shelf shop'],
    ["--redis $url show instance:sho", 'shop'],
    ["--redis=$url revoke campaign:live:", 'aB3dE6gH'],
    ["--redis $url revoke campaign:live:aB3dE6gH ", 'k1 k2'],
    ["rotate --overlap 7d --redis $url instance:she", 'shelf'],
    ['--redis redis://127.0.0.1:1 show ',
     'campaign:live: campaign:test: global instance:'])
{
    is(join(' ', @{bash($case->[0])}), $case->[1], "bash: $case->[0]");
}

{
    local $ENV{EVOLU_REDIS_URL} = $url;
    is("@{bash('show instance:sho')}", 'shop', 'by the environment');
}


# zsh: what one tab makes of a line

sub zsh {
    my ($run, $line) = @_;

    syswrite $run->{in}, "\cU$line\t\cX";

    return zsh_until($run, qr/<<(.*?)>>/s);
}

sub zsh_until {
    my ($run, $what) = @_;
    my $seen = '';
    my $select = IO::Select->new($run->{out});

    while ($seen !~ $what) {
        $select->can_read(30) or die "zsh hangs: $seen\n";
        sysread $run->{out}, $seen, 4096, length $seen or die "zsh: $seen\n";
    }

    $seen =~ $what;
    return $1;
}

SKIP: {
    skip 'no zsh', 1 unless -x '/usr/bin/zsh' || $ENV{CI};

    my $bin = keys_file('bin');
    mkdir $bin;
    symlink keys_binary(), "$bin/evolu-keys";

    # Ctrl-X shows the line between marks

    my $rc = write_file(keys_file('zshrc'), <<"END");
PS1= PROMPT_EOL_MARK= PATH=$bin:\$PATH
unset zle_bracketed_paste
setopt no_auto_menu no_list_ambiguous no_always_last_prompt
fpath=($top/contrib/completion \$fpath)
autoload -Uz compinit && compinit -u -D
zstyle ':completion:*' list-prompt ''
show() { print -rn -- "<""<\$BUFFER>""> "; BUFFER= }
zle -N show
bindkey '^X' show
print read''y
END
    my $run = keys_terminal(200, 'exec zsh -f -i');

    syswrite $run->{in}, "source '$rc'\n";
    zsh_until($run, qr/(ready)/);

    for my $case (
        ['cr', 'create '],
        ['create cam', 'create campaign '],
        ['import inst', 'import instances '],
        ['list --te', 'list --text '],
        ['create --mo', 'create --mode='],
        ['create --mode=l', 'create --mode=live '],
        ['rotate --ov', 'rotate --overlap='],
        ["--redis $url show instance:she",
         "--redis $url show instance:shelf "],
        ["--redis $url revoke instance:sh\\ ",
         "--redis $url revoke instance:sh\\ op "],
        ["--redis $url disable campaign:live:aB3dE6gH ",
         "--redis $url disable campaign:live:aB3dE6gH k"])
    {
        is(zsh($run, "evolu-keys $case->[0]"), "evolu-keys $case->[1]",
           "zsh: $case->[0]");
    }

    syswrite $run->{in}, "exit\n";
    keys_wait($run);
    close $run->{in};
}

# what it knows of options and commands, by its text

my $zsh = read_file("$top/contrib/completion/_evolu-keys");
my %named = map { $_ => 1 } $zsh =~ /(--[a-z-]+)/g, '--help', '--version';

is_deeply([sort keys %named],
          [sort keys %{{map { $_ => 1 } @$common, map { @$_ } values %own}}],
          'zsh: the same options');
is_deeply([sort $zsh =~ /^        '([a-z]+):/mg], [sort @commands],
          'zsh: the same commands');

done_testing();

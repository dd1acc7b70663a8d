package Rows;

# Copyright (C) Evolu Auth Authors
#
# Reads rows of attack-cases*.tsv for which Attack.pm has no check of their own,
# as far as their text is one of these forms, with nothing left over:
#
#     setup       C0
#     input       KEY METHOD TARGET, or HEADER: VALUE of a credential header
#     expected    statuses ("400 or 401"), or "rejected", or "proxied"
#
# What must not reach the upstream must not; what may must carry the key's own
# identity.  A refusal by another status than the row's is the contract's, which
# wins where they disagree.

use strict;
use warnings;

use Cases qw(asks up_is $A $A_TEST $B $TOK1 $TOK2 $GKEY $M $E);

my %KEYS = (
    TOK_1 => $TOK1, TOK_2 => $TOK2, GKEY => $GKEY, KEY_A_LIVE => $A,
    KEY_A_TEST => $A_TEST, KEY_B_LIVE => $B,
);
my %INSTANCES = (TOK_1 => 'inst-1', TOK_2 => 'inst-2');
my $KEY = join('|', sort keys %KEYS);
my $STATUS = qr/\b(?:20[0-6]|40[0-9]|41[0-9]|42[0-9]|431|50[0-5])\b/;


# check_of(SETUP, INPUT, EXPECTED): what Cases.pm takes for a check

sub check_of {
    my ($setup, $input, $expected) = @_;

    my @request = request_of($input // '');
    my %want = want_of($expected // '');

    return ['no', 'no check for it, and its text is beyond Rows.pm']
        if ($setup // '') ne 'C0' || !@request || !%want;

    return [sub { run(\@request, %want) }, 'by its text'];
}


# (NAME of the key, REQUEST, HEADERS...) as gives() has them

sub request_of {
    my ($input) = @_;

    if ($input =~ m{\A($KEY) ([A-Z]+) (/[^\s<]*|http://[^\s<]*)\z}) {
        my ($name, $method, $target) = ($1, $2, $3);

        return ($name, "\@preset $method $target", "apikey: $KEYS{$name}")
            if $name !~ /\AKEY_/;
        return ($name, "$method $target",
                "Authorization: Bearer $KEYS{$name}");
    }

    my $word = qr/[^\s<>\\;()]+/;

    return if $input !~ /\A(apikey|authorization):\ ((?:[A-Za-z]+\ )?$word
                         (?:,\ $word)*)\z/xi || $input =~ /\.\.\./;

    my ($header, $value) = ($1, $2);
    my ($name) = $value =~ /\b($KEY)\b/;

    $value =~ s/\b($KEY)\b/$KEYS{$1}/g;

    return ($name // '', lc($header) eq 'apikey' ? "\@preset GET $M/inst-1"
                                                 : "GET $E",
            "$header: $value");
}


# passes: it may reach the upstream; refused: it may be refused

sub want_of {
    my ($expected) = @_;

    my $text = $expected =~ s/\([^)]*\)//gr;
    my @statuses = $text =~ /($STATUS)/g;
    my $passes = grep { $_ < 400 } @statuses;
    my $refused = grep { $_ >= 400 } @statuses;

    $passes = 1 if $text =~ /\bproxied\b/;
    $refused = 1 if $text =~ /\b(?:rejected|refused|denied)\b/;

    return if !$passes && !$refused;
    return if $text =~ /\bnot contacted\b/ && $passes;
    return (passes => $passes, refused => $refused);
}


sub run {
    my ($request, %want) = @_;

    my ($key, @ask) = @$request;
    my ($reached, $answer) = asks(@ask);
    my $got = "$answer->{status} " . ($reached ? 'up' : 'no');

    check_that($got, $reached ? $want{passes} : $want{refused});
    check_that($got, $reached ? $answer->{status} < 400
                              : $answer->{status} =~ /\A4/);

    if ($reached && defined $INSTANCES{$key} && $ask[0] =~ m{/inst-|%}) {
        up_is('X-Evolu-Instance', $INSTANCES{$key});
    }

    return;
}


sub check_that {
    my ($got, $true) = @_;

    die "got $got\n" if !$true;

    return;
}

1;

package EvoluTls;

# Copyright (C) Evolu Auth Authors
#
# Certificates for a test, by openssl: two authorities, "good" and "other",
# and what each signed.
#
#   my $tls = EvoluTls->make($dir);
#   $tls->cert('server', san => 'DNS:redis.test,IP:127.0.0.1');
#   $tls->cert('old', san => 'IP:127.0.0.1', days => -1);
#   $tls->cert('client', ca => 'other');
#
#   $tls->file('server.crt')     # also .key, and good.crt, other.crt
#   $tls->redis('server', port => $port, clients => 'yes')
#                                # options of redis-server: TLS at that port

use strict;
use warnings;


sub make {
    my ($class, $dir) = @_;
    my $self = bless { dir => "$dir/tls" }, $class;

    mkdir($self->{dir});

    for my $ca (qw(good other)) {
        $self->openssl('req', '-x509', '-nodes', '-newkey', 'ec',
                       '-pkeyopt', 'ec_paramgen_curve:P-256',
                       '-keyout', $self->file("$ca.key"),
                       '-out', $self->file("$ca.crt"),
                       '-days', 30, '-subj', "/CN=$ca CA");
    }

    return $self;
}


sub cert {
    my ($self, $name, %is) = @_;

    my $ca = $is{ca} || 'good';
    my @san = $is{san} ? ('-addext', "subjectAltName=$is{san}") : ();

    $self->openssl('req', '-new', '-nodes', '-newkey', 'ec',
                   '-pkeyopt', 'ec_paramgen_curve:P-256',
                   '-keyout', $self->file("$name.key"),
                   '-out', $self->file("$name.csr"),
                   '-subj', "/CN=$name", @san);

    my @ca = ('-CA', $self->file("$ca.crt"), '-CAkey', $self->file("$ca.key"),
              '-CAcreateserial', '-copy_extensions', 'copy',
              '-in', $self->file("$name.csr"),
              '-out', $self->file("$name.crt"));

    if (defined $is{days} && $is{days} < 0) {

        # x509 signs nothing that has ended, ca does

        $self->expired($ca, $name);

    } else {
        $self->openssl('x509', '-req', '-days', 30, @ca);
    }

    chmod(0600, $self->file("$name.key"));

    return;
}


sub expired {
    my ($self, $ca, $name) = @_;

    open(my $conf, '>', $self->file('ca.cnf')) or die "ca.cnf: $!";
    print {$conf} "[ca]\ndefault_ca = x\n[x]\nnew_certs_dir = $self->{dir}\n"
                  . "database = $self->{dir}/index\nrand_serial = yes\n"
                  . "default_md = sha256\npolicy = p\nunique_subject = no\n"
                  . "copy_extensions = copy\n[p]\ncommonName = supplied\n";
    close($conf);

    open(my $index, '>', $self->file('index')) or die "index: $!";
    close($index);

    $self->openssl('ca', '-batch', '-notext', '-config', $self->file('ca.cnf'),
                   '-cert', $self->file("$ca.crt"),
                   '-keyfile', $self->file("$ca.key"),
                   '-startdate', '20200101000000Z',
                   '-enddate', '20200201000000Z',
                   '-in', $self->file("$name.csr"),
                   '-out', $self->file("$name.crt"));

    return;
}


sub file { return "$_[0]{dir}/$_[1]" }


sub redis {
    my ($self, $name, %is) = @_;

    return ('--tls-port', $is{port},
            '--tls-cert-file', $self->file("$name.crt"),
            '--tls-key-file', $self->file("$name.key"),
            '--tls-ca-cert-file', $self->file('good.crt'),
            '--tls-auth-clients', $is{clients} || 'no');
}


sub openssl {
    my ($self, @command) = @_;

    my $log = $self->file('openssl.log');
    my $pid = fork();

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>', $log);
        open(STDERR, '>&', \*STDOUT);
        exec('openssl', @command);
        exit 1;
    }

    waitpid($pid, 0);

    return if $? == 0;

    open(my $fh, '<', $log);
    local $/ = undef;

    die "openssl @command: " . <$fh>;
}


1;

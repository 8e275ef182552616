# Asks an engine with Net::Cisco::MSE::REST as it is delivered.
#
#   perl ask.pl URL USER PASSWORD < calls
#
# `calls` is JSON: [["maps_count"], ["maps_info", {..}], ..], a method of the client and what it is
# given. For each, the answer says what it returned, how many bytes, or the words it died with.
use strict;
use warnings;

use JSON;
use Net::Cisco::MSE::REST;

my ($url, $user, $password) = @ARGV;
my $client = Net::Cisco::MSE::REST->new(
    url     => $url,
    user    => $user,
    pass    => $password,
    timeout => 10,
);

sub answer {
    my ($method, @given) = @_;
    my $returned = eval { $client->$method(@given) };
    return { died     => $@ } if $@;
    return { returned => $returned } if ref $returned;
    return { bytes    => length($returned // '') };
}

my $calls = from_json(do { local $/; <STDIN> });
print to_json([ map { answer(@$_) } @$calls ]);

/* test_netaddr.c - forwards, addresses, networks and card addresses as settings write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/netaddr.h"

static void forwards(void **state)
{
	struct forward f[FORWARDS_MAX];
	char many[1024] = "";
	const char *where;
	const char *why;
	static char *const bad[] = {"22",
				    "22:",
				    ":22",
				    "0:22",
				    "22:0",
				    "65536:22",
				    "22:65536",
				    "sctp:22:22",
				    "22:22,",
				    "22:22,22:23",
				    "tcp:22:22:22",
				    "22:22 ",
				    "tcp:a:b",
				    "6003-6000:1-4",
				    "6000-6003:6000",
				    "6000:6000-6003",
				    "tcp:53:53/udp",
				    "53:53/sctp",
				    "53:53/udpx",
				    "6000-6003:6000-6003,6002:22",
				    "65534-65536:1-3",
				    "1000-1064:1-65"};

	(void)state;
	assert_int_equal(forwards_parse("tcp:2222:22,udp:53:5353,8080:80", f, &where, &why), 3);
	assert_true(!f[0].udp && f[0].port == 2222 && f[0].guest_port == 22);
	assert_true(f[1].udp && f[1].port == 53 && f[1].guest_port == 5353);
	assert_true(!f[2].udp && f[2].port == 8080 && f[2].guest_port == 80);
	assert_int_equal(forwards_parse("tcp::2222-:22", f, &where, &why), 1);
	assert_true(f[0].port == 2222 && f[0].guest_port == 22);
	assert_int_equal(forwards_parse("none", f, &where, &why), 0);
	assert_int_equal(forwards_parse("tcp:53:53,udp:53:53", f, &where, &why), 2);
	assert_int_equal(forwards_parse("65535:65535", f, &where, &why), 1);
	assert_int_equal(
		forwards_parse("tcp:6000-6003:7000-7003,53:5353/udp,60000/udp", f, &where, &why),
		6);
	assert_true(!f[0].udp && f[0].port == 6000 && f[0].guest_port == 7000);
	assert_true(!f[3].udp && f[3].port == 6003 && f[3].guest_port == 7003);
	assert_true(f[4].udp && f[4].port == 53 && f[4].guest_port == 5353);
	assert_true(f[5].udp && f[5].port == 60000 && f[5].guest_port == 60000);
	assert_int_equal(forwards_parse("1-64:1-64", f, &where, &why), 64);
	assert_int_equal(forwards_parse("65535-65535:65535-65535/tcp", f, &where, &why), 1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (forwards_parse(bad[i], f, &where, &why) != -1)
			fail_msg("%s was taken", bad[i]);
	/* the maximum number, and one more */
	for (int i = 0; i <= FORWARDS_MAX; i++) {
		(void)sprintf(many + strlen(many), "%s%d:22", i ? "," : "", 1000 + i);
		assert_int_equal(forwards_parse(many, f, &where, &why),
				 i < FORWARDS_MAX ? i + 1 : -1);
	}
}

static void invalid_forwards(void **state)
{
	static const char text[] = "2222:22,ssh:22,80:80";
	struct forward f[FORWARDS_MAX];
	const char *where;
	const char *why;

	(void)state;
	assert_int_equal(forwards_parse(text, f, &where, &why), -1);
	assert_ptr_equal(where, text + 8);
	assert_string_equal(why, "its first port is not a number from 1 to 65535");
}

static void addresses(void **state)
{
	static const char *const bad[] = {"",	       "10.0.2",    "10.0.2.3.4", "10.0.2.256",
					  "10.0.2.",   "10..2.3",   "10.0.2.3 ",  " 10.0.2.3",
					  "localhost", "10.0.2.-1", "::1"};
	uint32_t a;

	(void)state;
	assert_true(ipv4_parse("10.0.2.15", &a) && a == 0x0a00020f);
	assert_true(ipv4_parse("0.0.0.0", &a) && a == 0);
	assert_true(ipv4_parse("255.255.255.255", &a) && a == UINT32_MAX);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (ipv4_parse(bad[i], &a))
			fail_msg("%s was taken", bad[i]);
}

static void networks(void **state)
{
	static const char *const bad[] = {
		"10.0.2.0",   "10.0.2.0/", "10.0.2.0/7", "10.0.2.0/31",	 "10.0.2.1/24",
		"10.0.2.0/x", "10.0.2/24", "/24",	 "10.0.2.0/24 ", "10.0.2.0/24/24"};
	uint32_t network;
	uint32_t mask;

	(void)state;
	assert_true(cidr_parse("192.168.76.0/24", &network, &mask));
	assert_true(network == 0xc0a84c00 && mask == 0xffffff00);
	assert_true(cidr_parse("10.0.0.0/8", &network, &mask) && mask == 0xff000000);
	assert_true(cidr_parse("10.0.2.4/30", &network, &mask) && mask == 0xfffffffc);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (cidr_parse(bad[i], &network, &mask))
			fail_msg("%s was taken", bad[i]);
}

static void interfaces(void **state)
{
	static const char *const bad[] = {"192.168.77.1", "192.168.77.1/", "192.168.77.1/33",
					  "/24"};
	uint32_t address;
	uint32_t mask;

	(void)state;
	assert_true(interface_address_parse("192.168.77.1/24", &address, &mask));
	assert_true(address == 0xc0a84d01 && mask == 0xffffff00);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (interface_address_parse(bad[i], &address, &mask))
			fail_msg("%s was taken", bad[i]);
}

static void sockets(void **state)
{
	static const char *const bad[] = {"",
					  "tcp:1.2.3.4:5",
					  "mcast:",
					  "mcast:230.0.0.1",
					  "mcast:230.0.0.1:0",
					  "mcast:230.0.0.1:65536",
					  "mcast:230.0.0.1:1,2",
					  "mcast:192.168.0.1:5",
					  "mcast:240.0.0.1:5",
					  "mcast:localhost:5",
					  "udp:1.2.3.4:5",
					  "udp:1.2.3.4:5,",
					  "udp:,1.2.3.4:5",
					  "udp::5,1.2.3.4:5",
					  "udp:1.2.3.4:5,1.2.3.4:5,1.2.3.4:5",
					  "unix:/a",
					  "unix:/a,b",
					  "unix:a,/b",
					  "unix:/a,/b,/c"};
	struct net_socket s;
	const char *why;
	char path[160] = "unix:/a,/";

	(void)state;
	assert_true(net_socket_parse("mcast:239.255.77.1:5077", &s, &why));
	assert_int_equal(s.kind, NET_SOCKET_MCAST);
	assert_string_equal(s.other.where, "239.255.77.1");
	assert_int_equal(s.other.port, 5077);
	assert_true(net_socket_parse("udp:0.0.0.0:1,peer.example:65535", &s, &why));
	assert_true(s.kind == NET_SOCKET_UDP && s.own.port == 1 && s.other.port == 65535);
	assert_string_equal(s.own.where, "0.0.0.0");
	assert_string_equal(s.other.where, "peer.example");
	assert_true(net_socket_parse("unix:/run/a:b,/run/c", &s, &why));
	assert_int_equal(s.kind, NET_SOCKET_UNIX);
	assert_string_equal(s.own.where, "/run/a:b");
	assert_string_equal(s.other.where, "/run/c");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (net_socket_parse(bad[i], &s, &why))
			fail_msg("%s was taken", bad[i]);
	/* a socket's address has space for 107 bytes and their NUL */
	memset(path + 9, 'x', 106);
	assert_true(net_socket_parse(path, &s, &why));
	path[9 + 106] = 'x';
	assert_false(net_socket_parse(path, &s, &why));
}

static void mac_addresses(void **state)
{
	static const char *const bad[] = {"",
					  "52:54:00:12:34",
					  "52:54:00:12:34:5",
					  "52:54:00:12:34:567",
					  "52:54:00:12:34:56:78",
					  "52-54-00-12-34-56",
					  "525400123456",
					  "52:54:00:12:34:5g",
					  "01:00:5e:00:00:01",
					  "ff:ff:ff:ff:ff:ff"};

	(void)state;
	assert_true(mac_valid("52:54:00:12:34:56"));
	assert_true(mac_valid("02:AB:cd:EF:00:00"));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (mac_valid(bad[i]))
			fail_msg("%s was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwards),	 cmocka_unit_test(invalid_forwards),
		cmocka_unit_test(addresses),	 cmocka_unit_test(networks),
		cmocka_unit_test(mac_addresses), cmocka_unit_test(interfaces),
		cmocka_unit_test(sockets),
	};

	return cmocka_run_group_tests_name("netaddr", tests, NULL, NULL);
}

// rc.d scripts are read for what they would run, and never run.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pkgjail/format/rc_script.hpp"
#include "support/catch.hpp"

using namespace pkgjail::format;

namespace {

std::string show(const RcScript& script) {
    return fmt::format("{}: <{}> <{}>\nas {}:{} in {}\npid {} env {} needs {} reload {}{}\nunknown {}\n",
                       script.name, script.command, script.arguments, script.user, script.group,
                       script.directory, script.pid_file, fmt::join(script.environment, ","),
                       fmt::join(script.required_files, ","), script.reload_signal,
                       script.has_own_steps ? " own steps" : "", fmt::join(script.unknown, ","));
}

std::string show(const RcArguments& arguments) {
    std::string text;
    for (const std::string& word : arguments.words)
        text += "<" + word + ">";
    return text + (arguments.background ? " &" : "") + (arguments.complete ? "" : " …");
}

} // namespace

TEST_CASE("an rc.d script's variables say what it runs, as whom, and where its pid is", "[format][rc]") {
    CHECK(show(read_rc_script("#!/bin/sh\n"
                              "# PROVIDE: foo\n"
                              ". /etc/rc.subr\n"
                              "name=\"foo\"\n"
                              "rcvar=$name\n"
                              "command=\"/usr/pkg/sbin/${name}\" # the daemon\n"
                              "command_args=\"-c /usr/pkg/etc/foo.conf\"\n"
                              "command_args=\"${command_args} \\\n-d\"\n"
                              "foo_flags=${foo_flags:-\"-v --log='a b'\"}\n"
                              ": ${foo_user:=_foo}\n"
                              ": ${foo_group=\"foo\"}\n"
                              "foo_chdir=/var/db/foo\n"
                              "foo_env=\"HOME=/var/db/foo\"\n"
                              "foo_env=\"${foo_env} LANG=C\"\n"
                              "pidfile=\"/var/run/${name}.pid\"\n"
                              "required_files='/usr/pkg/etc/foo.conf'\n"
                              "sig_reload=USR2\n"
                              "load_rc_config $name\n"
                              "run_rc_command \"$1\"\n")) ==
          "foo: </usr/pkg/sbin/foo> <-v --log='a b' -c /usr/pkg/etc/foo.conf -d>\n"
          "as _foo:foo in /var/db/foo\n"
          "pid /var/run/foo.pid env HOME=/var/db/foo,LANG=C needs /usr/pkg/etc/foo.conf reload USR2\n"
          "unknown \n");
}

TEST_CASE("functions and second branches of an rc.d script are not read", "[format][rc]") {
    CHECK(show(read_rc_script("name=foo\n"
                              "foo_start()\n"
                              "{\n"
                              "    command=/bin/rm\n"
                              "}\n"
                              "foo_stop() { command=/bin/mv; }\n"
                              "if [ -f /etc/rc.subr ]; then\n"
                              "    command=/usr/pkg/bin/foo\n"
                              "    start_cmd=foo_start\n"
                              "else\n"
                              "    command=/bin/false\n"
                              "    if [ -x /bin/x ]; then command=/bin/x; fi\n"
                              "    pidfile=/tmp/no\n"
                              "fi\n"
                              "foo_user=one\n")) ==
          "foo: </usr/pkg/bin/foo> <>\nas one: in \npid  env  needs  reload  own steps\nunknown \n");
}

TEST_CASE("what an rc.d script would have to run for is unknown, and nothing is run for it", "[format][rc]") {
    CHECK(show(read_rc_script("name=foo\n"
                              "home=`eval echo ~foo`\n"
                              "command=/usr/pkg/bin/foo\n"
                              "command_args=\"-h $home\"\n"
                              "pidfile=$(touch /tmp/rc-script-was-run; echo x)\n"
                              "foo_user=${1}\n")) ==
          "foo: </usr/pkg/bin/foo> <>\nas : in \npid  env  needs  reload \n"
          "unknown command_args,foo_user,pidfile\n");
    for (const char* text : {"", "name=", "=", "${", "name=\"", "name='x\ncommand=${a${b",
                             "fi\nfi\nelse\nx=1", "a() {", "\\", ": ${", "name=$"})
        CHECK(read_rc_script(text).command.empty());
}

TEST_CASE("arguments of an rc.d script are words, without what a shell does with them", "[format][rc]") {
    CHECK(show(split_rc_arguments("-c /etc/foo.conf 'a b' --x=\"1 2\"")) ==
          "<-c></etc/foo.conf><a b><--x=1 2>");
    CHECK(show(split_rc_arguments(" < /dev/null > /dev/null 2>&1 &")) == " &");
    CHECK(show(split_rc_arguments("web >>/var/log/x.log 2>&1 &")) == "<web> &");
    CHECK(show(split_rc_arguments("-p 2> /dev/null -q")) == "<-p><-q>");
    CHECK(show(split_rc_arguments("-a | tee x")) == "<-a> …");
    CHECK(show(split_rc_arguments("'open")) == "<open> …");
    CHECK(show(split_rc_arguments("")) == "");
}

TEST_CASE("a script that means harm by its size is understood as little as one that runs something",
          "[format][rc]") {
    std::string doubled = "name=foo\ncommand=/bin/foo\nfoo_flags=xxxxxxxxxxxxxxxx\n";
    for (int time = 0; time < 40; ++time)
        doubled += "foo_flags=$foo_flags$foo_flags\n";
    CHECK_THAT(show(read_rc_script(doubled)), ContainsSubstring("unknown foo_flags\n"));

    std::string deep = "command=/bin/foo\nname=", close;
    for (int level = 0; level < 100'000; ++level) {
        deep += "${a:-";
        close += "}";
    }
    CHECK(read_rc_script(deep + close + "\n").name.empty());

    std::string exported;
    for (int time = 0; time < 100'000; ++time)
        exported += "export ";
    CHECK(read_rc_script(exported + "name=foo\n").name == "foo");

    std::string many = "name=foo\n";
    for (int number = 0; number < 100'000; ++number)
        many += fmt::format("a{}=$(b)\n", number);
    CHECK(read_rc_script(many + "name=bar\n").name == "bar");
}

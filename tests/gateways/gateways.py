"""nginx, HAProxy, Apache, Envoy and rsyslog with the configurations of deploy/, in front of a shop."""

import pathlib
import signal

from processes import answers, free_ports, render

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
APACHE_MODULES = pathlib.Path("/usr/lib/apache2/modules")

APACHE_FRAME = """\
ServerRoot "{directory}"
ServerName localhost
PidFile "{directory}/apache.pid"
ErrorLog "{directory}/apache.output"
Mutex file:{directory}
{user}
{modules}
Include "{gateway}"
"""

# `authz_core` and the MPM are there in any Debian installation; the others are what the configuration asks for.
APACHE_LOADED = """mpm_event authz_core headers lbmethod_byrequests proxy proxy_balancer proxy_http slotmem_shm
unique_id"""

# Both files of deploy/ forward all that they are given; the tag says which one is given a message.
RSYSLOG_FRAME = """\
global(workDirectory="{directory}" net.enableDNS="off")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{socket}" UseSysTimeStamp="off")
if $programname == "shop-rsyslog-tls" then {{
  include(file="{tls}")
}} else {{
  include(file="{plain}")
}}
"""


def storefront_peers(shop):
    return {f"127.0.0.1:{3000 + number}": f"127.0.0.1:{shop.ports[f'storefront-{number}']}" for number in (1, 2)}


class Nginx:
    def __init__(self, processes, directory, logs, shop):
        self.processes = processes
        self.logs = logs
        logs.mkdir(parents=True)
        [self.port] = free_ports(1)
        for name in ("spandrel-log-formats.conf", "spandrel-proxy.conf"):
            render(DEPLOY / "nginx" / name, directory / name, {})
        inventories = {f"127.0.0.1:{3100 + n}": f"127.0.0.1:{shop.ports[f'inventory-{n}']}" for n in (1, 2)}
        configuration = render(
            DEPLOY / "nginx" / "nginx.conf",
            directory / "nginx.conf",
            {
                # All three formats at once.
                "# access_log": "access_log",
                "/etc/nginx/": f"{directory}/",
                "/var/log/nginx/": f"{logs}/",
                "/run/nginx.pid": directory / "nginx.pid",
                "127.0.0.1:8080": f"127.0.0.1:{self.port}",
                **storefront_peers(shop),
                **inventories,
            },
        )
        # Until the configuration is read, errors go to a file of the package's that only root can write.
        command = ["nginx", "-p", directory, "-e", logs / "error.log", "-c", configuration, "-g", "daemon off;"]
        processes.start("nginx", command, ready=lambda: answers(self.port))

    def rotate(self, name):
        """As logrotate does: by renaming, and then telling nginx."""
        (self.logs / name).rename(self.logs / f"{name}.1")
        self.processes.send_signal("nginx", signal.SIGUSR1)


class Haproxy:
    def __init__(self, processes, directory, syslog_port, shop):
        [self.port] = free_ports(1)
        replacements = {
            "127.0.0.1:8081": f"127.0.0.1:{self.port}",
            "127.0.0.1:5515": f"127.0.0.1:{syslog_port}",
            **storefront_peers(shop),
        }
        configuration = render(DEPLOY / "haproxy" / "haproxy.cfg", directory / "haproxy.cfg", replacements)
        processes.start("haproxy", ["haproxy", "-db", "-f", configuration], ready=lambda: answers(self.port))


class Apache:
    def __init__(self, processes, directory, logs, shop):
        logs.mkdir(parents=True)
        [self.port] = free_ports(1)
        replacements = {
            "# CustomLog": "CustomLog",
            "127.0.0.1:8082": f"127.0.0.1:{self.port}",
            "/var/log/apache2/": f"{logs}/",
            **storefront_peers(shop),
        }
        gateway = render(DEPLOY / "apache" / "spandrel-gateway.conf", directory / "gateway.conf", replacements)
        modules = [f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in APACHE_LOADED.split()]
        configuration = directory / "apache.conf"
        # Started by root, the workers run as the package's user; nobody else may change user.
        user = "User www-data\nGroup www-data"
        frame = APACHE_FRAME.format(directory=directory, gateway=gateway, modules="\n".join(modules), user=user)
        configuration.write_text(frame)
        processes.start("apache", ["apache2", "-DFOREGROUND", "-f", configuration], ready=lambda: answers(self.port))


class Envoy:
    def __init__(self, processes, directory, binary, logs, otlp_port, shop):
        logs.mkdir(parents=True)
        self.port, admin_port = free_ports(2)
        ports = {8083: self.port, 9901: admin_port, 4317: otlp_port}
        ports |= {3000 + number: shop.ports[f"storefront-{number}"] for number in (1, 2)}
        ports |= {3100 + number: shop.ports[f"inventory-{number}"] for number in (1, 2)}
        replacements = {f"port_value: {old}}}": f"port_value: {new}}}" for old, new in ports.items()}
        replacements["/var/log/envoy/"] = f"{logs}/"
        configuration = render(DEPLOY / "envoy" / "envoy.yaml", directory / "envoy.yaml", replacements)
        # Envoys on one machine share memory by the base id. Files are written every 10 seconds if nothing else is said.
        options = ["--log-level", "warning", "--base-id", self.port, "--file-flush-interval-msec", 100]
        command = [binary, *options, "-c", configuration]
        processes.start("envoy", command, ready=lambda: answers(self.port))


class Rsyslog:
    """Takes messages on a socket of its own, as /dev/log is one, and forwards them."""

    def __init__(self, processes, directory, syslog):
        directory.mkdir(parents=True)
        self.socket = directory / "log.socket"
        name = "60-spandrel.conf"
        plain = render(DEPLOY / "rsyslog" / name, directory / name, {'port="5514"': f'port="{syslog.port}"'})
        name = "60-spandrel-tls.conf"
        replacements = {
            'port="6514"': f'port="{syslog.tls_port}"',
            "/etc/rsyslog.d/spandrel-ca.pem": syslog.certificate,
        }
        tls = render(DEPLOY / "rsyslog" / name, directory / name, replacements)
        configuration = directory / "rsyslog.conf"
        configuration.write_text(RSYSLOG_FRAME.format(directory=directory, socket=self.socket, plain=plain, tls=tls))
        command = ["rsyslogd", "-n", "-f", configuration, "-i", directory / "rsyslog.pid"]
        processes.start("rsyslog", command, ready=self.socket.exists)

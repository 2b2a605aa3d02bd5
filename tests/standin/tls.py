"""Certificates for the stand-ins: a CA of our own, and bad certificates.

Made with the openssl program in a folder that the caller owns:

    good       for localhost, 127.0.0.1, ::1, HOST and the many portals of
               bench/, by the CA in ca.pem
    wronghost  by that CA, for another host
    expired    by that CA, for localhost, no longer valid
    untrusted  for localhost, by a CA that nobody trusts
    chained    for localhost, by a CA between, which comes along
    unchained  the same, but it does not
"""

import pathlib
import ssl
import subprocess

HOST = "handler.example.net"    # where somebody needs a name
HERE = f"DNS:localhost,IP:127.0.0.1,IP:::1,DNS:{HOST},DNS:*.bench.localhost"
KINDS = {       # name -> (CA, subjectAltName, notBefore, notAfter)
    "good": ("ca", HERE, "20200101000000Z", "20450101000000Z"),
    "wronghost": ("ca", "DNS:elsewhere.example", "20200101000000Z",
                  "20450101000000Z"),
    "expired": ("ca", HERE, "20200101000000Z", "20210101000000Z"),
    "untrusted": ("other", HERE, "20200101000000Z", "20450101000000Z"),
    "chained": ("middle", HERE, "20200101000000Z", "20450101000000Z"),
    "unchained": ("middle", HERE, "20200101000000Z", "20450101000000Z"),
}
CONFIG = """
[ca]
default_ca = any
[any]
database = {folder}/index
rand_serial = yes
default_md = sha256
policy = anything
unique_subject = no
[anything]
commonName = supplied
[leaf]
basicConstraints = CA:FALSE
subjectAltName = {names}
"""


class Authority:
    """Makes all of the above in a folder when created."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("ca", "other"):
            self._key(name)
            self._openssl("req", "-x509", "-key", f"{name}.key", "-days",
                          "3650", "-subj", f"/CN=stand-in {name}", "-out",
                          f"{name}.pem")
        self._middle()
        for kind in KINDS:
            self._leaf(kind)
        with open(self.folder / "chained.pem", "a", encoding="ascii") as f:
            f.write((self.folder / "middle.pem").read_text())

    @property
    def ca_file(self):
        """The certificate to trust."""
        return str(self.folder / "ca.pem")

    def context(self, kind="good"):
        """An ssl.SSLContext for a server with that certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{kind}.pem",
                                self.folder / f"{kind}.key")
        return context

    def files(self, kind="good"):
        """(certificate, key) for a server that reads files."""
        return (str(self.folder / f"{kind}.pem"),
                str(self.folder / f"{kind}.key"))

    def _key(self, name):
        self._openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
                      "ec_paramgen_curve:P-256", "-out", f"{name}.key")

    def _middle(self):
        """A CA between that of ca.pem and a server."""
        self._key("middle")
        self._openssl("req", "-new", "-key", "middle.key", "-subj",
                      "/CN=stand-in middle", "-out", "middle.csr")
        (self.folder / "middle.cnf").write_text(
            "basicConstraints = critical, CA:TRUE\n")
        self._openssl("x509", "-req", "-in", "middle.csr", "-CA", "ca.pem",
                      "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650",
                      "-extfile", "middle.cnf", "-out", "middle.pem")

    def _leaf(self, kind):
        ca, names, start, end = KINDS[kind]
        self._key(kind)
        self._openssl("req", "-new", "-key", f"{kind}.key", "-subj",
                      f"/CN={kind}", "-out", f"{kind}.csr")
        (self.folder / "index").write_text("")
        (self.folder / "leaf.cnf").write_text(
            CONFIG.format(folder=self.folder, names=names))
        self._openssl("ca", "-batch", "-notext", "-config", "leaf.cnf",
                      "-extensions", "leaf", "-cert", f"{ca}.pem", "-keyfile",
                      f"{ca}.key", "-startdate", start, "-enddate", end,
                      "-in", f"{kind}.csr", "-outdir", ".",
                      "-out", f"{kind}.pem")

    def _openssl(self, *args):
        done = subprocess.run(["openssl", *args], cwd=self.folder,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"openssl {args[0]}: {done.stderr}")

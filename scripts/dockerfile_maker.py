"""Dockerfiles by chance: the same seed, the same file. `dockerfile-corpus` compares linters over them.

Commands are put together from tools, flags, verbs and packages in any order, so that no line of the corpus is one
that a rule was written for; instructions are mutated in how they are written, not in what they mean.
"""
import json

IMAGES = ["alpine:3.20", "debian:12-slim", "node", "node:latest", "python:3.12-slim", "ubuntu:24.04", "golang:1.23",
          "registry.example/team/app:1", "scratch", "$BASE", "node:${V}", "a@sha256:abc", "fedora:40", "opensuse/leap:15",
          "Ubuntu:24.04", "docker.io/library/node:22", "ghcr.io/x/y", "a:latest@sha256:abc", "b:1.2-latest", "${BASE}:1",
          "${BASE:-alpine:3.20}", "mcr.microsoft.com/windows/servercore:ltsc2022"]

# Per tool: flags, verbs, things. What begins with a tilde is rare.
TOOLS = {
    "apt-get": (["-y", "-q", "-qq", "--yes", "--assume-yes", "-qy", "-o Dpkg::Use-Pty=0", "-t bookworm-backports", "-f",
                 "--no-install-recommends", "-o APT::Install-Recommends=false", "--allow-downgrades", "~-q=2", "-yq",
                 "--quiet --quiet", "-qqy", "~--target-release x", "-V"],
                ["update", "install", "install", "install", "install", "upgrade", "dist-upgrade", "clean", "autoremove",
                 "remove", "purge", "build-dep", "full-upgrade", "autoclean", "download"],
                ["curl", "git=1:2", "vim", "./local.deb", "/tmp/a.deb", "$PACKAGES", "nginx/stable", "'python3=3.*'", "gcc-12",
                 "\"${X}\"", "a=${V}", "libc6:i386", "make", "https://x/a.deb", "*.deb"]),
    "apt": (["-y", "-qq"], ["install", "update", "upgrade", "list"], ["curl", "git=1"]),
    "apk": (["--no-cache", "-U", "--update", "--virtual .build", "-t .x", "--virtual=.deps", "-q", "--no-progress",
             "--repository http://x/edge", "-X http://x", "--repository=http://x", "--update-cache", "--no-cache=true",
             "--allow-untrusted", "~--root /r", "~--initdb"],
            ["add", "add", "add", "add", "update", "upgrade", "del", "info", "cache clean"],
            ["git", "git=2.4", "curl=~8", "'gcc>10'", "a~=1", "x.apk", "$P", "py3-pip", "musl<2", "./y.apk", "a@edge", ".build"]),
    "yum": (["-y", "--assumeyes", "-q", "--setopt=x=y", "--nogpgcheck", "--enablerepo=x", "-d1", "--yes", "-qy"],
            ["install", "install", "groupinstall", "localinstall", "update", "upgrade", "clean all", "remove", "module install",
             "reinstall", "makecache", "history"],
            ["httpd", "httpd-2.4", "git", "gcc-c++", "x.rpm", "java-11-openjdk", "a-1.2-3.el8", "https://x/a.rpm", "$P", "nodejs:18"]),
    "dnf": (["-y", "--assumeyes", "-q", "--setopt=install_weak_deps=False", "--nodocs", "--refresh", "--best"],
            ["install", "install", "groupinstall", "localinstall", "update", "upgrade", "clean all", "remove", "module install",
             "reinstall", "module enable", "autoremove", "clean packages", "distro-sync"],
            ["httpd", "httpd-2.4", "git", "gcc-c++", "x.rpm", "java-11-openjdk", "a-1.2-3.el8", "$P", "nodejs:18"]),
    "microdnf": (["-y", "--nodocs", "--setopt=x=0"], ["install", "update", "clean all", "upgrade", "remove"], ["git", "a-1.2"]),
    "zypper": (["-y", "-n", "--non-interactive", "--no-confirm", "--no-recommends", "-q", "--gpg-auto-import-keys", "-ny"],
               ["install", "in", "remove", "rm", "update", "up", "dup", "dist-upgrade", "patch", "clean", "cc", "refresh",
                "source-install", "si", "clean --all", "purge-kernels"],
               ["git", "git=2", "'a>=1'", "a.rpm", "~a~1", "b<2", "$P", "pattern:x"]),
    "pip": (["--no-cache-dir", "--upgrade", "-U", "-q", "--user", "--pre", "-i https://x", "--index-url https://x",
             "--extra-index-url=https://x", "--no-deps", "-r requirements.txt", "~--requirement=r.txt", "-e .", "-c c.txt",
             "--target /x", "-t x", "~--timeout 10", "~--retries 3", "--trusted-host x", "--find-links f", "--prefer-binary",
             "--disable-pip-version-check", "--break-system-packages", "-vv", "--no-cache", "--cache-dir=/x", "--editable x",
             "--constraint c.txt", "--progress-bar off", "--no-binary :all:", "--root-user-action=ignore", "~-Ur r.txt"],
            ["install", "install", "install", "install", "install", "download", "uninstall", "wheel", "list", "freeze", "cache purge"],
            ["flask", "flask==3.0", "'flask>=2'", "\"a~=1\"", ".", "~.[dev]", "git+https://x/x.git@v1", "git+https://x/x.git",
             "./x.whl", "/w/a.whl", "x.tar.gz", "a[b]==1", "a[b]", "pip", "setuptools", "$P", "a!=1", "https://x/a.zip", "a===1",
             "'b<3'", "'c @ https://x'", "wheel"]),
    "npm": (["-g", "--global", "--production", "--save", "--omit=dev", "--registry https://x", "--registry=https://x",
             "--silent", "--loglevel verbose", "~--prefix /x", "-D", "--force", "--legacy-peer-deps", "-q", "--no-audit"],
            ["install", "install", "install", "i", "ci", "run build", "add", "update", "cache clean --force", "exec", "uninstall"],
            ["pnpm", "pnpm@9", "@scope/name", "@scope/name@1.2", "left-pad@latest", "./local", "git+https://x/y.git",
             "git+https://x/y.git#v1", "user/repo", "user/repo#v1", "a.tgz", "~file:../x", "https://x/a.tgz", "$P", "git://x/y#a",
             "github:a/b", "a@^1"]),
    "yarn": (["--frozen-lockfile", "--production", "--immutable", "--silent", "--cache-folder /x", "--network-timeout 1"],
             ["install", "install", "", "add", "global add", "cache clean", "build", "workspaces focus"], ["", "", "typescript"]),
    "gem": (["--no-document", "-N", "-v 7", "--version 7", "--version=7", "-q", "--force", "--no-rdoc"],
            ["install", "install", "i", "update", "uninstall", "cleanup"],
            ["bundler", "bundler:2.5", "rails", "x.gem", "$G", "bundler:$V"]),
    "go": (["-v", "~-ldflags \"-s -w\"", "~-tags netgo", "-x", "-mod=mod", "-trimpath", "~-o /x"],
           ["install", "install", "get", "run", "build", "mod download", "test", "generate", "mod tidy"],
           ["example.com/x@latest", "example.com/x@v1.2.3", "example.com/x", "./...", ".", "./cmd/x", "~main.go", "x@master",
            "example.com/x@${V}", "all", "std"]),
    "useradd": (["-u 1001", "-u 1234567", "~--uid 1234567", "~--uid=1234567", "-l", "--no-log-init", "-m", "-r", "-s /bin/sh",
                 "-ml", "-u 99999", "-u 100000", "-u $ID", "~-u1234567", "-g x"], [""], ["app"]),
    "wget": (["-q", "--quiet", "-nv", "--no-verbose", "--progress=dot:giga", "-O a", "-qO-", "-O -", "-c", "-o log", "-a log",
              "--output-file=log", "--show-progress", "--no-check-certificate", "-P /x", "-nc", "-S", "--append-output=x",
              "--progress dot", "-i list", "-qO a", "-Oq"], [""],
             ["https://example.com/a", "$URL", "\"https://x/${V}\"", "http://x/a.tgz"]),
    "curl": (["-f", "-s", "-S", "-L", "-fsSL", "-o a", "-O"], [""], ["https://example.com/a", "$URL"]),
    "tar": (["-xzf", "-xf", "xzf", "-x -f", "--extract --file", "-czf", "-tf", "-C /x -xf", "-zxvf", "~--file x -x", "-xJf"], [""],
            ["/tmp/a.tar.gz", "a.tar.gz", "/tmp/b.tgz", "./a.tar.gz", "c.zip", "/app/a.tar.gz", "x/a.tar.gz"]),
    "unzip": (["-q", "-d /x", "-o"], [""], ["/tmp/c.zip", "a.zip", "a.tar.gz"]),
    "gunzip": (["-k", "-c"], [""], ["/tmp/x.gz", "a.tar.gz", "x.gz"]),
    "rm": (["-rf", "~-fr", "~-r", "~-f", "~-r -f", "~-Rf", "~--recursive --force", "~-rvf"], [""],
           ["/var/lib/apt/lists/*", "/var/lib/apt/lists", "/var/lib/apt/lists/", "/var/cache/yum", "/var/cache/yum/*",
            "/var/cache/dnf", "/var/cache/dnf/*", "/var/cache/libdnf5", "/tmp/*", "\"/var/lib/apt/lists/*\"", "/var/cache/apk/*",
            "/var/lib/apt", "/root/.cache", "/tmp/x /var/lib/apt/lists/*"]),
    "ln": (["-s", "-sf", "-sfn", "-f"], [""], ["/bin/bash /bin/sh", "a b", "/bin/sh /bin/x", "/usr/bin/bash /usr/bin/sh",
                                               "--symbolic /bin/zsh /bin/sh"]),
}
ALIKE = {"pip": ["pip", "pip", "pip3", "python -m pip", "python3 -m pip", "pip2", "pip3.12", "python3.12 -m pip", "/venv/bin/pip",
                 "pipx", "uv pip"],
         "wget": ["wget", "wget", "/usr/bin/wget"], "apt-get": ["apt-get"] * 5 + ["aptitude", "/usr/bin/apt-get"]}
PLAIN = """cd /src
cd /src && make
cd ..
cd "$X"
sudo make install
sudo -u x y
ssh host ls
service nginx start
kill 1
vim x
ps aux
top
free
mount /x /y
shutdown now
ifconfig
which vim
echo "one | two"
echo $(cat a | wc -l)
set -o pipefail && a | b
set -euo pipefail
set -ex
a | b
a |& b
a || b
a | b || c
if [ -f x ]; then make; fi
if true; then cd /x; fi
for i in a b; do apt-get install -y $i; done
while read x; do sudo y; done < z
make
chmod +x /run.sh
(cd /x; make)
{ cd /y; make; }
case $A in x) make;; *) cd /y;; esac
echo 'apt-get install x'
echo cd /x
export A=1
A=1 make
! make
test -f x || exit 1
[ "$A" = b ] && make
bash -c "cd /x && sudo y"
sh -c 'apt-get install x'
curl -fsSL https://example.com/a | tar xz
curl https://example.com/i.sh | sh
wget -qO- https://x | bash -s -- y
curl -fsSL https://x | gpg --dearmor -o /x
env A=1 apt-get install x
time make
eval "$(x)"
: nothing
true
mkdir -p /a /b
cat a > b 2>&1
echo "a" >> b
x=$(pip install flask)
`apt-get update`
function f { sudo x; }; f
xargs apt-get install < list
exec make
command apt-get install x
busybox wget http://x
dpkg -i a.deb
printf '%s\\n' a b > c
sed -i 's/a/b/;s|c|d|' e
[[ a == b ]] && cd /x
npm ci && npm cache clean --force
yarn install && yarn cache clean
yarn
apt-get update && apt-get install -y --no-install-recommends a=1 && rm -rf /var/lib/apt/lists/*
yum install -y httpd-2.4 && yum clean all
dnf -y install git-2 && dnf clean all
zypper -n in git=2 && zypper clean
apk add --no-cache git=~2.4 curl""".split("\n")
OTHERS = """COPY . .
COPY . /app
COPY package.json yarn.lock ./
COPY a b /c
COPY a b .
COPY a b c/
COPY a $X
COPY a ${X}/b
COPY a b $X
COPY "a b" /c
COPY ["a", "b", "/c/"]
COPY ["a", "b", "/c"]
COPY [ "a b" , "rel" ]
COPY a.tar.gz /tmp/
COPY a.tar.gz /tmp
COPY a.tar.gz .
COPY x/a.tar.gz /app/
COPY a.tar.gz /tmp/b.tgz
COPY c.zip /tmp/
COPY x.gz /tmp/x.gz
COPY --chown=1:1 a rel
COPY --link --chmod=755 a /b
COPY --from=build /a /b
COPY --from=base a.tar.gz /tmp/
COPY --from=x /a rel
COPY --from=0 /a /b
COPY --from=1 /a /b
COPY --from=9 /a /b
COPY --from=nginx:1 /a /b
COPY --from=ghost /a /b
COPY --from=r.io/x@sha256:ab /a /b
COPY --from=$X /a /b
COPY --from=build / /
COPY --from=build / /x
COPY --from=x a b
COPY --from=x . .
ADD a.tar.gz /x
ADD src /src
ADD src lib /x/
ADD https://example.com/a /a
ADD http://x/a b /c/
ADD a.zip /x/
ADD a.tar.xz b.tbz2 /x/
ADD $A /x
ADD ftp://x/y /z
ADD "a.tgz" /x
ADD ["a", "/b"]
ADD https://github.com/x/y.git#v1 /z
USER root
USER 1000
USER 1000:1000
USER app
USER app:app
USER 0
USER 0:0
USER root:x
USER $U
USER ${U:-1000}
WORKDIR /app
WORKDIR app
WORKDIR ./app
WORKDIR "/app"
WORKDIR "rel x"
WORKDIR $HOME/x
WORKDIR ${X}
WORKDIR C:\\\\x
WORKDIR C:/x
WORKDIR /
EXPOSE 80
EXPOSE 80/udp
EXPOSE 65536
EXPOSE 99999
EXPOSE 8080/tcp 9090
EXPOSE 1000-2000
EXPOSE 1-70000
EXPOSE $P
ENV A=1
ENV A1=1 B=$A1
ENV A2=1 B=${A2}x C=${C}
ENV C=${D}/x D=1
ENV E='$F' F=1
ENV E=\\$F F=1
ENV A=$AB AB=1
ENV PATH=/x:$PATH
ENV API_TOKEN=x
ENV DB_PASSWORD=x A=2
ENV USERNAME=x
ENV PRIVATE_MODE 1
ENV AWS_ACCESS_KEY_ID=x
ENV SSH_KEY=x
ENV OLD form
ENV OLD $OLD/x
ENV A="b c" D="e f"
ENV PIP_NO_CACHE_DIR=1
ENV PIP_NO_CACHE_DIR=0
ENV PIP_NO_CACHE_DIR off
ENV PIP_NO_CACHE_DIR=$X
ENV DEBIAN_FRONTEND=noninteractive
ARG SECRET
ARG V=1
ARG A B=2
ARG GITHUB_TOKEN=$X
ARG TARGETPLATFORM
LABEL a.b=1
LABEL Abc=1
LABEL a_b=1
LABEL com.docker.x=1
LABEL io.docker.x=1
LABEL org.dockerproject.x=1
LABEL org.opencontainers.image.title="x y" b=1
LABEL a..b=1
LABEL a-=1
LABEL a--b=1
LABEL 1a=2
LABEL "a b"=1
LABEL a/b=1
LABEL old form
LABEL $X=1
CMD node a.js
CMD ["node", "a.js"]
CMD [ "node" , "a.js" ]
CMD ['node']
CMD ["sh", "-c", "cd x | y"]
CMD []
ENTRYPOINT ["/run.sh"]
ENTRYPOINT exec /run.sh
ENTRYPOINT ["tini", "--"]
ENTRYPOINT []
HEALTHCHECK CMD ["curl", "-f", "http://localhost/"]
HEALTHCHECK NONE
HEALTHCHECK CMD ["true"]
HEALTHCHECK CMD curl -f http://localhost/ || exit 1
HEALTHCHECK --interval=5m --timeout=3s CMD wget -q x
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
SHELL ["/bin/bash", "-eo", "pipefail", "-c"]
SHELL ["/bin/sh", "-c"]
SHELL ["/bin/sh", "-o", "pipefail", "-c"]
SHELL ["/bin/ash", "-eo", "pipefail", "-c"]
SHELL ["powershell", "-Command"]
SHELL ["pwsh", "-c"]
SHELL ["cmd", "/S", "/C"]
SHELL ["bash", "-c"]
SHELL ["/usr/bin/zsh", "-o", "pipefail", "-c"]
VOLUME /data
VOLUME ["/a", "/b"]
STOPSIGNAL SIGTERM
MAINTAINER me
MAINTAINER me <me@x>
ONBUILD COPY . /x
ONBUILD COPY . x
ONBUILD USER root
ONBUILD ENV A=1 B=$A
ONBUILD ADD src /x
ONBUILD WORKDIR app
ONBUILD CMD x
ONBUILD EXPOSE 99999
# a comment

# hadolint ignore=DL3008,DL3003
# hadolint ignore=DL3059
# hadolint ignore=DL3064,DL3020
#hadolint ignore = DL3006
# hadolint shell=bash
""".split("\n")
MOUNTS = ["--mount=type=cache,target=/root/.cache/pip", "--mount=type=cache,target=/var/lib/apt/lists", "--network=none",
          "--mount=type=cache,target=/var/cache/apk", "--mount=type=secret,id=x", "--mount=type=bind,source=a,target=/b",
          "--mount=type=cache,target=/var/cache/apt --mount=type=cache,target=/var/lib/apt", "--security=insecure",
          "--mount=type=cache,target=/var/cache/dnf", "--mount=type=cache,target=/var/cache/yum", "--mount=type=tmpfs,target=/var/lib/apt/lists",
          "--mount=type=cache,target=/root/.npm", "--mount=type=cache,target=/usr/local/share/.cache/yarn", "--network=host",
          "--mount=type=cache,target=/var/cache/zypp", "--mount=type=cache,id=x,sharing=locked,target=/root/.cache",
          "--mount=type=cache,dst=/root/.cache/pip/", "--mount=type=cache,target=/var/cache/apt,sharing=locked"]


def pick(dice, words):
    while True:
        word = dice.choice(words)
        if not word.startswith("~"):
            return word
        if dice.random() < 0.06:
            return word[1:]


# Tools whose flags also stand before the verb.
FRONT = {"apt-get": 0.4, "apk": 0.2, "yum": 0.4, "dnf": 0.4, "microdnf": 0.2, "zypper": 0.6, "npm": 0.2, "yarn": 0.2, "pip": 0.02,
         "gem": 0.02, "go": 0.0, "apt": 0.3}


def command(dice):
    if dice.random() < 0.4:
        return dice.choice(PLAIN)
    tool = dice.choice([name for name in TOOLS for _ in range(3 if name in ("apt-get", "pip", "npm", "apk", "rm") else 1)])
    flags, verbs, things = TOOLS[tool]
    name = dice.choice(ALIKE.get(tool, [tool]))
    some = lambda most: list(dict.fromkeys(pick(dice, flags) for _ in range(dice.choice(range(most + 1)))))
    words = [name, *(some(1) if dice.random() < FRONT.get(tool, 0) else []), dice.choice(verbs)]
    rest = some(1 if tool == "rm" else 3) + [pick(dice, things) for _ in range(dice.choice([0, 1, 1, 1, 2, 3]))]
    if tool == "rm" and dice.random() < 0.8:
        words.append("-rf")
    if dice.random() < 0.3:
        dice.shuffle(rest)
    return " ".join(word for word in words + rest if word)


def run_line(dice):
    parts = [command(dice) for _ in range(dice.choice([1, 1, 1, 2, 2, 3, 5]))]
    joint = dice.choice([" && ", " && ", " && \\\n    ", "; ", " && \\\n# why\n    ", " || ", "; \\\n\n  # two\n  ", " \\\n  && "])
    text = joint.join(parts)
    kind = dice.random()
    if kind < 0.1:
        text = dice.choice(MOUNTS) + " " + text
    elif kind < 0.14 and len(parts) == 1 and not set(text) & set("\"'|;&$()`\\"):
        return "RUN " + dice.choice([json.dumps, lambda words: "[ " + " , ".join(map(json.dumps, words)) + " ]"])(text.split())
    elif kind < 0.17:
        text = dice.choice(["set -eux; ", "set -o pipefail; ", "set -e && "]) + text
    elif kind < 0.19 and parts[0].split()[0] in TOOLS:
        # In front of a keyword it would be no shell.
        text = dice.choice(["DEBIAN_FRONTEND=noninteractive ", "PIP_NO_CACHE_DIR=1 ", "A=1 B=2 "]) + text
    elif kind < 0.21:
        text = text.replace(" ", "  ", 2)
    elif kind < 0.24 and "\\\n" not in text:
        name = dice.choice(["EOF", "'EOF'", '"X"'])
        end = name.strip("'\"")
        shell = dice.choice(["", "", " bash", " bash -e"]) if name == "EOF" else ""
        return f"RUN <<{name}{shell}\n" + "\n".join(parts) + f"\n{end}"
    elif kind < 0.26:
        return dice.choice(["ONBUILD RUN ", "onbuild run "]) + text
    return dice.choice(["RUN ", "RUN ", "RUN ", "RUN ", "run ", "Run  ", "RUN\t"]) + text


def other_line(dice):
    line = dice.choice(OTHERS)
    if dice.random() < 0.06 and line and not line.startswith("#"):
        head, _, rest = line.partition(" ")
        line = dice.choice([head.lower() + " " + rest, head + " \\\n  " + rest, head + "  " + rest + "  ", "  " + line,
                            head + " \\\n# why\n" + rest])
    return line


def make(dice):
    lines = []
    if dice.random() < 0.3:
        lines += dice.sample(["# syntax=docker/dockerfile:1", "# a comment", "ARG BASE=alpine:3", "ARG V", "# check=skip=x",
                              "# escape=\\", "ARG BASE", "# hadolint global ignore=DL3008"], dice.choice([1, 1, 2]))
        lines.sort(key=lambda line: not line.startswith("#"))
    stages = dice.choice([1, 1, 1, 2, 2, 3, 6])
    names = []
    for _ in range(stages):
        image = dice.choice(names) if names and dice.random() < 0.3 else dice.choice(IMAGES)
        fresh = [name for name in ["build", "base", "deps", "web", "tool"] if name not in names]
        name = dice.choice(["", *fresh]) if fresh and dice.random() < 0.85 else dice.choice(["", "", "", "build", "x", "x", "base", "base", "Base", "scratch"])
        platforms = ["linux/amd64", "$BUILDPLATFORM", "$TARGETPLATFORM", "${TARGETPLATFORM}", "${P:-linux/amd64}"]
        platform = f"--platform={dice.choice(platforms)} " if dice.random() < 0.06 else ""
        lines.append(f"{dice.choice(['FROM', 'FROM', 'FROM', 'from'])} {platform}{image}" + (f" {dice.choice(['AS', 'as'])} {name}" if name else ""))
        names += [name] if name else []
        for _ in range(dice.randint(1, 9)):
            lines.append(run_line(dice) if dice.random() < 0.5 else other_line(dice))
    text = "\n".join(lines) + "\n"
    whole = dice.random()
    if whole < 0.03:
        text = "\ufeff" + text
    elif whole < 0.07:
        text = text.replace("\n", "\r\n")
    elif whole < 0.09 and "`" not in text and "# escape" not in text:
        text = "# escape=`\n" + text.replace("\\\n", "`\n")
    elif whole < 0.11:
        text = text.rstrip("\n")
    return text

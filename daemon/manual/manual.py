"""Writes the manual page ladderd(1) and what bash completes, both from what `ladderd --help` and each
command's --help say, and ladderd.yaml(5) from `ladderd config --man`.

    python3 daemon/manual/manual.py LADDERD DAY FOLDER    ladderd.1, ladderd.yaml.5 and ladderd.bash there

A help is: usage lines; paragraphs; and lists, whose items begin with two spaces, and whose texts stand two
and more spaces behind the item, or deeper indented below it."""

import re
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

Item = namedtuple("Item", "name text")
Block = namedtuple("Block", "heading items lines")  # a list with its heading, or a paragraph's lines
Command = namedtuple("Command", "name sentence usage blocks")
Option = namedtuple("Option", "name argument takes_many")

OPTION = re.compile(r"(?<![\w-])(--?[a-z][a-z-]*)(?: ([A-Z][A-Z_]*)(\.\.\.)?)?")

HEAD = r""".TH LADDERD 1 {day} "{version}"
.SH NAME
ladderd \- {what}
.SH SYNOPSIS
"""

TAIL = r""".SH EXIT STATUS
{exit_codes}
.SH ENVIRONMENT
.TP
.B CREDENTIALS_DIRECTORY
Where files of secrets are looked up that the configuration gives a name
without a / in front.
systemd sets it.
.SH FILES
.TP
.I /etc/ladderd/ladderd.yaml
The configuration of the service.
.TP
.I /etc/ladderd/identity.key
The key that ids of people are hashed with: back it up.
.SH SEE ALSO
.BR ladderd.yaml (5)
"""

COMPLETION = r"""# What bash completes: commands, options, names, files. Made from what --help says.
_ladderd()
{{
	local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
	# files: options that take one; many: those that take several; names: what an option allows; values:
	# options that take something else.
	local options files='' many='' values='' names='' wants='' i
	local commands='{commands} --help --version'
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
		return
	fi
	case ${{COMP_WORDS[1]}} in
{cases}
	*) return ;;
	esac
	case "$before" in
{names}
	esac
	for ((i = COMP_CWORD - 1; i > 1; i--)); do
		if [[ ${{COMP_WORDS[i]}} == -* ]]; then
			[[ " $many " == *" ${{COMP_WORDS[i]}} "* && $word != -* ]] && wants=files
			break
		fi
	done
	[[ " $files " == *" $before "* ]] && wants=files
	if [[ $names ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$names" -- "$word")
	elif [[ $wants ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	elif [[ " $values " != *" $before "* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
	fi
}}
complete -F _ladderd ladderd
"""


# ---- What the program says ----

def ask(ladderd, *arguments):
    done = subprocess.run([ladderd, *arguments], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout


def read_items(lines):
    items = []
    for line in lines:
        found = re.match(r"  (\S.*?)(?:  +(\S.*))?$", line)
        if found:
            items.append(Item(found[1], found[2] or ""))
        else:
            items[-1] = Item(items[-1].name, f"{items[-1].text} {line.strip()}".strip())
    return items


def read_block(text):
    lines = text.splitlines()
    first = next((number for number, line in enumerate(lines) if re.match(r"  \S", line)), len(lines))
    if first == len(lines):
        return [Block(None, [], lines)]
    blocks = [Block(None, [], lines[:first - 1])] if first > 1 else []
    return [*blocks, Block(lines[first - 1] if first else None, read_items(lines[first:]), [])]


def read_command(ladderd, name, sentence):
    usage, *rest = ask(ladderd, name, "--help").strip("\n").split("\n\n")
    usage = re.sub(r"\s*\n\s*(?=\S)", " ", usage.removeprefix("usage: "))
    return Command(name, sentence, usage, [block for text in rest for block in read_block(text)])


def read_commands(ladderd, said):
    return [read_command(ladderd, name, sentence)
            for name, sentence in re.findall(r"^  ladderd (\S+) .*\n {6}(\S.*)$", said, re.M)]


def options_of(command):
    """Those of the usage and of the lists, each once, and --help."""
    texts = [command.usage] + [item.name for block in command.blocks for item in block.items]
    found = {}
    for text in texts:
        for name, argument, many in OPTION.findall(text):
            found.setdefault(name, Option(name, argument, bool(many) and argument == "FILE"))
    found.setdefault("--help", Option("--help", "", False))
    return list(found.values())


# ---- The page ----

def escape(text):
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"`([^`]*)`", r"\\fB\1\\fR", text)


def running(text):
    """Lines of text that begin with no control."""
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) > 66:
            lines, line = [*lines, line], ""
        line += (" " if line else "") + word
    return "\n".join(re.sub(r"^(?=[.'])", r"\\&", escape(each)) for each in [*lines, line])


def usage_fonts(usage):
    """Options and names as they are written in bold, what stands for something else in italics."""
    bold = re.sub(r"(?<![\w-])(--?[a-z][a-z-]*|ladderd [a-z]+)", r"\\fB\1\\fR", usage)
    return re.sub(r"\b([A-Z][A-Z_]*)\b(?<!fB)(?<!fR)", r"\\fI\1\\fR", bold).replace("-", r"\-")


def page_block(block):
    text = [f".PP\n{running(' '.join(block.lines))}"] if block.lines else []
    if block.heading:
        text.append(f".PP\n{running(block.heading)}")
    for item in block.items:
        name = usage_fonts(item.name) if item.name.startswith("-") else rf"\fB{escape(item.name)}\fR"
        text.append(f".TP\n{name}\n{running(item.text)}")
    return text


def page(commands, said, version, day):
    what = said.splitlines()[0].removeprefix("ladderd: ")
    exit_codes = re.search(r"Exit codes: (.*)\Z", said, re.S)[1]
    lines = ["\n.br\n".join(usage_fonts(command.usage) for command in commands), ".SH COMMANDS"]
    for command in commands:
        lines += [f".SS {command.name}", usage_fonts(command.usage)]
        lines += [line for block in command.blocks for line in page_block(block)]
    return (HEAD.format(day=day, version=version, what=escape(what)) + "\n".join(lines) + "\n"
            + TAIL.format(exit_codes=running(exit_codes)))


# ---- The completion ----

def named(options, condition):
    return " ".join(option.name for option in options if condition(option))


def names_of(command, option):
    """What an option NAME allows: the list that is headed with its plural."""
    heading = f"{option.name.lstrip('-')}s:"
    return [item.name for block in command.blocks if block.heading == heading for item in block.items]


def completion(commands):
    cases, names = [], {}
    for command in commands:
        options = options_of(command)
        words = {"options": named(options, lambda option: True),
                 "files": named(options, lambda option: option.argument == "FILE"),
                 "many": named(options, lambda option: option.takes_many),
                 "values": named(options, lambda option: option.argument not in ("", "FILE"))}
        cases.append(f"\t{command.name})\n" + "".join(f"\t\t{name}='{text}'\n"
                                                      for name, text in words.items() if text) + "\t\t;;")
        names.update({option.name: names_of(command, option) for option in options
                      if option.argument == "NAME" and names_of(command, option)})
    return COMPLETION.format(commands=" ".join(command.name for command in commands), cases="\n".join(cases),
                             names="\n".join(f"\t{name}) names='{' '.join(allowed)}' ;;"
                                             for name, allowed in names.items()))


def main(ladderd, day, folder):
    said, version = ask(ladderd, "--help"), ask(ladderd, "--version").strip()
    commands = read_commands(ladderd, said)
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, text in (("ladderd.1", page(commands, said, version, day)),
                       ("ladderd.yaml.5", ask(ladderd, "config", "--man")),
                       ("ladderd.bash", completion(commands))):
        (Path(folder) / name).write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])

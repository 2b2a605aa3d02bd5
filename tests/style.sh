#!/bin/sh
# style.sh: the rules of the house that a machine can look at.
#
# Run by tests/run.sh from the top folder. Prints "ok NAME" or "not ok NAME"
# for each rule, with the places before it, and ends with 0 if all are kept.
set -u
cd "$(dirname "$0")/.." || exit 1
sources=$(find src -name '*.[ch]' | LC_ALL=C sort)
all="$sources $(find tests/lib tests/unit tests/php -name '*.[ch]' | LC_ALL=C sort)"
bad=0

# rule NAME: reads complaints; none means that the rule is kept.
rule() {
	found=$(cat)
	if [ -z "$found" ]; then
		echo "ok $1"
	else
		printf '%s\nnot ok %s\n' "$found" "$1"
		bad=1
	fi
}

# Includes go down only, every file has a floor, a library has one home.
floors() {
	# shellcheck disable=SC2086
	awk '
	function family(path,    f) {
		sub(/^src\//, "", path)
		f = path
		if (f ~ /\//)
			sub(/\/.*/, "", f)
		else
			sub(/[._].*/, "", f)
		return f
	}
	FILENAME == "src/FLOORS" {
		if ($1 == "floor")
			for (i = 3; i <= NF; i++)
				floor[$i] = $2
		if ($1 == "lib") {
			home[$2] = " "
			for (i = 3; i <= NF; i++)
				home[$2] = home[$2] $i " "
		}
		next
	}
	FNR == 1 {
		mine = family(FILENAME)
		if (!(mine in floor))
			print FILENAME ": is on no floor"
	}
	/^#include "/ {
		split($2, part, "\"")
		other = family(part[2])
		if (other != mine && floor[other] >= floor[mine])
			print FILENAME ":" FNR ": climbs to " part[2]
	}
	/^#include </ {
		for (header in home) {
			if (index($2, "<" header) != 1)
				continue
			found = 0
			n = split(home[header], part, " ")
			for (i = 1; i <= n; i++)
				if (index(FILENAME, "src/" part[i]) == 1)
					found = 1
			if (!found)
				print FILENAME ":" FNR ": " $2 \
				    " belongs in" home[header]
		}
	}' src/FLOORS $sources
}

# Functions that cannot be used safely, or not by several threads.
banned() {
	# shellcheck disable=SC2086
	grep -nE '(^|[^_[:alnum:]])(strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi|atol|localtime|gmtime|ctime|asctime|rand|alloca|system|popen|assert)[[:space:]]*\(' \
	    $sources
}

# Functions of at most 40 lines (tests: 80), files of at most 500, headers of
# 160.
lengths() {
	# shellcheck disable=SC2086
	awk '
	FNR == 1 { start = 0; most = FILENAME ~ /^src/ ? 40 : 80 }
	/^\{$/ { start = FNR }
	/^\}$/ && start {
		if (FNR - start - 1 > most)
			print FILENAME ":" start ": a function of " \
			    FNR - start " lines"
		start = 0
	}
	{ lines[FILENAME] = FNR }
	END {
		for (f in lines)
			if (lines[f] > (f ~ /^src.*\.h$/ ? 160 : 500))
				print f ": " lines[f] " lines"
	}' $all
}

# No line wider than 80 columns, a tab being eight; no blanks at its end.
columns() {
	for f in $all; do
		expand "$f" | LC_ALL=C awk -v f="$f" '
		{ gsub(/[\200-\277]/, "") }	# the rest of a letter
		length($0) > 80 {
			print f ":" NR ": wider than 80 columns" }
		/[ \t]$/ { print f ":" NR ": blanks at the end" }'
	done
}

# What more than six things are told to is told too much.
parameters() {
	# shellcheck disable=SC2086
	awk '
	FNR == 1 || /^$/ || /;$/ || /^[#}]/ { head = "" }
	/^[a-z_]+\(/ { head = ""; from = FNR }
	{ head = head $0 }
	/^\{$/ && head ~ /^[a-z_]+\(/ {
		while (sub(/\([^()]*\)\([^()]*\)/, "pointer", head))
			continue
		if (gsub(/,/, ",", head) > 5)
			print FILENAME ":" from ": more than six parameters"
		head = ""
	}' $sources
}

# Threads and locks are made in two rooms only, and locks are few.
threads() {
	# shellcheck disable=SC2086
	grep -nE 'pthread_(create|mutex_init|rwlock_init|spin_init)|PTHREAD_MUTEX_INIT' \
	    $sources | grep -vE '^src/(base|db)/'
	# shellcheck disable=SC2086
	locks=$(cat $sources | grep -cE 'pthread_(mutex|rwlock|spinlock)_t ')
	if [ "$locks" -gt 4 ]; then
		echo "src: $locks locks are more than four"
	fi
}

# A journey has one door to a stage.
doors() {
	grep -nE -- '->stage = ' src/relay/*.c | grep -v '^src/relay/stage\.c:'
	n=$(grep -cE -- '->stage = ' src/relay/stage.c)
	if [ "$n" -ne 1 ]; then
		echo "src/relay/stage.c: $n doors to a stage"
	fi
}

# Every .c begins with what it is for.
heads() {
	for f in $all; do
		case $f in
		*.c) head -n 1 "$f" | grep -qx '/\*' || echo "$f: no head" ;;
		esac
	done
}

floors  | rule "includes go down only (src/FLOORS)"
banned  | rule "no banned functions"
lengths | rule "functions and files are short"
parameters | rule "functions have at most six parameters"
threads | rule "threads and locks are made in base/ and db/"
doors   | rule "a journey enters its stages by one door"
columns | rule "lines fit 80 columns"
heads   | rule "every .c begins with its contract"
exit $bad

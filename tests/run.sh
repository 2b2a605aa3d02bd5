#!/bin/sh
# run.sh BUILD: runs all tests on the programs in the folder BUILD.
#
# Called by make check. Prints what failed, then a tally as the last line:
# "N passed, M failed". Ends with 0 only if nothing failed. TESTS="unit e2e"
# picks parts; RUNNER="valgrind ..." wraps the unit tests.
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1
parts=${TESTS:-style unit php e2e crash soak}
passed=0
failed=0
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

# count NAME STATUS: adds up the TAP lines of a part; a part that failed
# without saying so counts as one failure.
count() {
	ok=$(grep -c '^ok ' "$log")
	not=$(grep -c '^not ok ' "$log")
	[ "$2" -eq 0 ] || [ "$not" -ne 0 ] || not=1
	[ "$ok" -ne 0 ] || [ "$not" -ne 0 ] || not=1
	[ "$not" -eq 0 ] || cat "$log"
	passed=$((passed + ok))
	failed=$((failed + not))
	printf '%-24s %4d passed, %d failed\n' "$1" "$ok" "$not"
}

# wild: whether valgrind saw a child do what it must not. A child that dies or
# becomes another program on purpose does not tell by its status.
wild() {
	grep -qE '^==[0-9]+== (Invalid|Conditional|Use of|Syscall|Source)' \
	    "$log"
}

# python NAME BUILD TEST..: a part of pytest's, counted by its summary.  Two
# files at a time: most tests wait for something.
python() {
	name=$1
	programs=$2
	shift 2
	IMCONNECTOR_BUILD=$programs PYTHONDONTWRITEBYTECODE=1 \
	    /usr/bin/python3 -m pytest -p no:cacheprovider -q --tb=short \
	    -n 2 --dist loadfile "$@" >"$log.py" 2>&1
	status=$?
	cat "$log.py"
	# as TAP, so that one rule counts all; a skipped test hides something
	tail -n 1 "$log.py" | tr ',' '\n' | awk -v name="$name" '
	$2 == "passed" { for (i = 0; i < $1; i++) print "ok " name }
	$2 ~ /^(failed|error|errors|skipped)$/ {
		for (i = 0; i < $1; i++) print "not ok " name " " $2 }
	' >"$log"
	rm -f "$log.py"
	count "$name" "$status"
}

for part in $parts; do
	case $part in
	style)
		sh tests/style.sh >"$log" 2>&1
		count style $?
		;;
	unit)
		for t in "$build"/unit/t_*; do
			case $t in *.d | *'*') continue ;; esac
			CMOCKA_MESSAGE_OUTPUT=TAP ${RUNNER:-} "$t" >"$log" 2>&1
			status=$?
			! wild || status=9
			count "unit/${t##*/}" $status
		done
		;;
	php)
		python php "$build" tests/php
		;;
	e2e)
		python e2e "$build" tests/standin tests/e2e tests/proof \
		    tests/crash/test_apache.py
		;;
	crash)
		python crash "$build/fault" tests/crash/test_points.py \
		    tests/crash/test_probe.py tests/crash/test_silent.py \
		    tests/crash/test_stopped.py
		;;
	soak)
		IMCONNECTOR_BUILD=$build PYTHONDONTWRITEBYTECODE=1 \
		    /usr/bin/python3 tests/soak/soak.py --seconds 30 \
		    >"$log" 2>&1
		status=$?
		cat "$log"
		[ "$status" -eq 0 ] && echo "ok soak" >"$log"
		count soak "$status"
		;;
	esac
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

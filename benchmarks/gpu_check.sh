#!/usr/bin/env bash
# gpu_check.sh [FOLDER]: what has to be seen on a GPU, in ten minutes, on a machine without a network.
#
# Runs the tests marked gpu, engine.py, a small sweep that is killed and resumed, `reproduce` of a
# run and the report. Logs and figures lie in FOLDER (default gpu-check), with summary.txt, which
# says what was run, how it ended, and what could not be run. Variables:
#   DEVICE=cuda       what to check; `cpu` tries this script itself, with everything small
#   MINUTES=10        when to end at the latest; what is not done by then is said
#   PYTHON=python3    where vaebench is installed, or an environment is to be made
#   WHEELS=wheels     a folder of wheels beside the checkout, used where vaebench is not installed:
#                     pip download -d wheels . pytest pytest-timeout   (on a machine with a network)
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-gpu-check}
device=${DEVICE:-cuda} minutes=${MINUTES:-10} python=${PYTHON:-python3} wheels=${WHEELS:-$root/wheels}
mkdir -p "$folder" && folder=$(cd "$folder" && pwd) || exit 1
summary=$folder/summary.txt
began=$SECONDS limit=$((minutes * 60 - 10)) failed=0
: > "$summary"
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} NO_COLOR=1

left() { echo $((limit - (SECONDS - began))); }
say() { echo "$*" | tee -a "$summary"; }

# step NAME SECONDS COMMAND...: runs it for so long at most, its output in NAME.log
step() {
    local name=$1 most=$2 start=$SECONDS code
    shift 2
    [ "$most" -gt "$(left)" ] && most=$(left)
    if [ "$most" -le 5 ]; then
        say "not run   $name: no time was left"
        failed=1
        return 1
    fi
    { timeout --kill-after=5 "$most" "$@" > "$folder/$name.log" 2>&1 < /dev/null; } 2> /dev/null
    code=$?
    case $code in
        0) say "ok        $name ($((SECONDS - start)) s)" ;;
        124 | 137) say "cut short $name, after $most s: see $name.log" ;;
        *) say "failed    $name, exit code $code ($((SECONDS - start)) s): $(tail -n 1 "$folder/$name.log")" ;;
    esac
    [ $code -eq 0 ] || failed=1
    return $code
}

if ! "$python" -c "import vaebench.worker" > "$folder/import.log" 2>&1; then
    if [ ! -d "$wheels" ]; then
        say "failed    vaebench's packages are not installed, and there is no folder $wheels: see import.log"
        exit 1
    fi
    step environment 120 "$python" -m venv "$folder/environment" || exit 1
    python=$folder/environment/bin/python
    step install 180 "$python" -m pip install --no-index --find-links "$wheels" "$root" pytest pytest-timeout || exit 1
fi

if [ "$device" = cpu ]; then
    say "not run   nvidia-smi, tests marked gpu: the device is the CPU"
    engine=(--size 32 --network burgess --batch-size 8 --models 2 --seconds 0.2 --rounds 1)
    "$python" -c "import numpy as np; np.savez('$folder/images.npz', images=np.random.default_rng(0).integers(0, 256, (500, 32, 32), 'uint8'))"
    sweep=(--dataset npz:images.npz --network mlp --steps 60 --batch-size 8)
else
    step nvidia-smi 20 nvidia-smi -q
    step tests 200 "$python" -m pytest "$root/tests" -q -m gpu --device "$device" -p no:cacheprovider
    engine=()
    sweep=(--steps 3000)
fi
step engine 240 "$python" "$root/benchmarks/engine.py" --device "$device" --minutes 3 --out "$folder/engine.json" "${engine[@]}"

cd "$folder" || exit 1
vaebench=("$python" -m vaebench)
sweep=("${vaebench[@]}" sweep --models betavae_h,factorvae --seeds 2 --eval-size 50 --checkpoint-every 1 --device "$device" "${sweep[@]}")
if [ "$(left)" -gt 30 ]; then
    setsid "${sweep[@]}" > killed.log 2>&1 < /dev/null &
    group=$!
    until=$((SECONDS + 90))
    while [ $SECONDS -lt $until ] && kill -0 $group 2> /dev/null && ! compgen -G "results/checkpoints/*.pt" > /dev/null; do
        sleep 0.2
    done
    if compgen -G "results/checkpoints/*.pt" > /dev/null && kill -9 -- -$group 2> /dev/null; then
        say "ok        kill: the sweep was killed beside a checkpoint"
    else
        kill -9 -- -$group 2> /dev/null
        say "failed    kill: the sweep had no checkpoint to be killed beside: see killed.log"
        failed=1
    fi
    wait $group 2> /dev/null
fi
step resume 180 "${sweep[@]}"
key=$("$python" -c "import sqlite3; print(sqlite3.connect('results/results.db').execute('select job_key from results order by 1').fetchone()[0])" 2>> resume.log)
step reproduce 120 "${vaebench[@]}" reproduce "${key:-none}"
step evaluate 120 "${vaebench[@]}" evaluate --all --device "$device"
step report 90 "${vaebench[@]}" report
say "$((SECONDS - began)) s; logs, engine.json, results and report are in $folder"
exit $failed

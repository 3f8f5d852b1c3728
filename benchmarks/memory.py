"""Peak memory beyond the data: 30-20-20-1 on a million samples, binding and one evaluation.

    python benchmarks/memory.py [--peers fastbp numpy torch jax] [--threads 2]

Linux only: it reads VmHWM and resets it through /proc/self/clear_refs.
"""

import argparse

import peers
from remote import Missing, Remote
from run import markdown_table


def memory(names, threads, note):
    """Rows [peer, data, beyond it while binding, beyond it while evaluating], in MB."""
    for name in names:
        try:
            with Remote(name, threads) as worker:
                used = worker.call("memory")
        except (Missing, peers.Unsupported) as error:
            note(f"{name}: skipped ({error})")
            continue
        yield [name, *(f"{used[part] / 1e6:.1f}" for part in ("data", "bind", "evaluate"))]


def markdown(names, threads, note):
    head = ["peer", "data, MB", "binding, MB", "evaluation, MB"]
    return "\n".join(markdown_table(head, list(memory(names, threads, note))))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", nargs="+", choices=peers.NAMES, default=list(peers.NAMES))
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    print("beyond the data")
    for name, data, bind, evaluate in memory(args.peers, args.threads, print):
        print(f"{name:10} data {data} MB, binding +{bind} MB, evaluation +{evaluate} MB")


if __name__ == "__main__":
    main()

"""What ``python -m trainer compile-tpv`` may be asked, and how it answers."""

import argparse
from pathlib import Path

from .options import add_input, add_most_rows, add_sizing, sizing_of
from .written import put, require_room

DONE, SOME_FAILED = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the compiler."""
    add_input(parser)
    add_most_rows(parser)
    parser.add_argument("-d", "--directory", type=Path, required=True, help="folder of the bundles of these jobs")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="file of rules that TPV gets")
    add_sizing(parser)


def run(options: argparse.Namespace) -> int:
    """Do what `add_arguments` lets an administrator ask for.

    Returns
    -------
    int
        0 when done, 1 when some tools failed; each of them has been named on the screen.

    Raises
    ------
    ConfigError
        If an option or a configuration file is wrong, or no tool could be compiled.
    BundleError
        If there are no bundles.
    """
    # after the options are read: --help has no scikit-learn to wait for
    from galaxy_memory_rules.errors import ConfigError

    from .compile_tpv import compile_all
    from .compile_tpv_file import text_of
    from .input_files import load_input_files

    sizing, files = sizing_of(options), load_input_files(options.input)
    require_room(options.output, "-o")
    compiled, failed = compile_all(files, options.directory, sizing, options.jobs, options.most_rows)
    if not compiled:
        raise ConfigError(f"{options.input}: no tool of it could be compiled; {options.output} is as it was")
    put(options.output, text_of(compiled), "-o")
    for one in compiled:
        print(f"{one.tool}: mem: {one.expression.text}")
    print(f"rules: {options.output}")
    return SOME_FAILED if failed else DONE

"""The section `jobs`: what a site may add to job scripts, and what is refused because it could break one."""

from __future__ import annotations

import pytest

from stackenv.configuration.loader import load_configuration
from stackenv.configuration.settings import JobSettings
from stackenv.configuration.site_file import SHIPPED_FILE

BREAK = "contains a line break; allowed: one line of printable text"
NAME = "a partition's name: letters, digits and _ . + -"
TIME = 'null, or a time in quotes: "2:00:00"'


@pytest.fixture
def load_jobs(configuration_path):
    """Return a function that loads the section ``jobs`` from its lines."""

    def load_lines(text: str) -> JobSettings:
        configuration_path.write_text(f"version: 1\njobs:\n{text}", encoding="utf-8")
        return load_configuration(configuration_path).jobs

    return load_lines


def test_the_default_leaves_everything_to_slurm():
    assert load_configuration(SHIPPED_FILE).jobs == JobSettings((), None, None, ())


def test_ubelix_lists_its_partitions_and_kinds_of_account():
    jobs = load_configuration(SHIPPED_FILE.parent / "ubelix.yaml").jobs
    assert jobs.partitions == ("epyc2", "bdw")
    assert jobs.account_hint == "gratis, paygo, invest or teaching"


def test_valid_settings_are_read(load_jobs):
    jobs = load_jobs(
        '  partitions: [gpu-a.1+x_y]\n  time: "1-00:00:00"\n  account_hint: "ask your PI: $5"\n'
        "  header: ['#SBATCH --qos=job', 'ulimit -c 0']\n"
    )
    assert jobs == JobSettings(
        ("gpu-a.1+x_y",), "1-00:00:00", "ask your PI: $5", ("#SBATCH --qos=job", "ulimit -c 0")
    )


@pytest.mark.parametrize("time", ["90", "02:30", "02:00:00", "1-12", "1-12:30", "1-12:30:00", "UNLIMITED"])
def test_each_time_format_of_slurm_is_accepted(load_jobs, time):
    assert load_jobs(f'  time: "{time}"\n').time == time


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("partitions: epyc2", "3: jobs.partitions: found the text 'epyc2'; allowed: a list of partitions"),
        ("partitions: [a b]", f"3: jobs.partitions[0]: found the text 'a b'; allowed: {NAME}"),
        (r'partitions: ["a\nb"]', f"3: jobs.partitions[0]: the text 'a\\nb' {BREAK}"),
        (r'partitions: ["a\n"]', f"3: jobs.partitions[0]: the text 'a\\n' {BREAK}"),
        ("time: 2:00:00", f"3: jobs.time: found the number 7200; allowed: {TIME}"),
        ('time: "2 h"', f"3: jobs.time: found the text '2 h'; allowed: {TIME}"),
        (r'time: "1\nexit"', f"3: jobs.time: the text '1\\nexit' {BREAK}"),
        (
            r'account_hint: "a\nrm x"',
            f"3: jobs.account_hint: the text 'a\\nrm x' {BREAK}",
        ),
        ("header: ulimit", "3: jobs.header: found the text 'ulimit'; allowed: a list of lines"),
        (
            r'header: ["a", "b\nc"]',
            f"3: jobs.header[1]: the text 'b\\nc' {BREAK}",
        ),
        ('header: [""]', "3: jobs.header[0]: found the text ''; allowed: one line of the script"),
        (
            "partition: [a]",
            "3: jobs.partition: unknown key; allowed: partitions, time, account_hint, header; did you mean "
            '"partitions"?',
        ),
    ],
)
def test_a_setting_that_could_break_a_script_is_refused(faults, lines, fault):
    assert faults(f"jobs:\n  {lines}\n") == [fault]

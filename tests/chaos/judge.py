"""Compares everything users were told, and when, with the paper in the out tray, byte by byte."""

from collections import Counter
from dataclasses import dataclass, field
import hashlib
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from custom_components.lianke.jobs import task_matching
from custom_components.lianke.jobs.job import Job
from tests.manual_duplex.laser import images
from tests.simulator import PrintedJob
from tests.simulator.models import Task

from .home import FINAL, Home, Reported
from .user import Asked
from .world import World

# States after which nobody expects paper any more.
NOT_PRINTED = frozenset({"failed", "canceled", "expired"})
FIRST_STRANGER = "by the first stranger of a day, whom nobody can tell from it"
# Seconds within which reports on two channels may be read in another order than they were sent.
SAME_MOMENT = 1.0


@dataclass(eq=False, kw_only=True)
class Story:
    """One job: its record, what was reported about it, its tasks in the cloud and its paper."""

    home: Home
    job_id: str
    record: dict[str, Any] | None
    reported: list[Reported]
    tasks: list[Task] = field(default_factory=list)
    papers: list[PrintedJob] = field(default_factory=list)
    # Ids of the tasks that print second sides in manual duplex.
    second: set[str] = field(default_factory=set)

    @property
    def by_hand(self) -> dict[str, Any] | None:
        """The record's part about manual duplex; None for other jobs."""
        return self.record and self.record.get("by_hand")

    @property
    def parts(self) -> list[list[PrintedJob]]:
        """The papers of each half in manual duplex; for other jobs, one list of all papers."""
        if self.by_hand is None:
            return [self.papers]
        parts: list[list[PrintedJob]] = [[], []]
        for paper in self.papers:
            parts[paper.task_id in self.second].append(paper)
        # First sides that another job has printed are not part of this job.
        return parts if self.by_hand["half"] == 1 or self.by_hand["first_token"] else parts[1:]

    @property
    def present(self) -> list[Task]:
        """The tasks of the record's present delivery: in manual duplex, those of one half."""
        assert self.record is not None
        return [
            one for one in self.tasks if token_of(one.callback_url or "") == self.record["token"]
        ]

    @property
    def state(self) -> str:
        """The state in the record; without a record, the state reported last."""
        if self.record is not None:
            return str(self.record["state"])
        return self.reported[-1].state if self.reported else "unknown"


@dataclass(kw_only=True)
class Judgement:
    """The result of a round."""

    problems: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    # Reasons for which nobody could know what became of a job, with the number of jobs.
    unconfirmed: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, story: Story, text: str) -> None:
        """Add a problem with a job."""
        self.problems.append(f"{kind}: {story.home.name} {story.job_id[-6:]} {text}")


def judge(world: World) -> Judgement:
    """Judge a round after everything in it has settled."""
    found = Judgement()
    stories = _stories(world, found)
    for home in world.homes.values():
        found.faults.update(one.fault for one in home.proxy.exchanges if one.fault)
        never_met = Counter(home.disk.never_met())
        for mode, number in home.disk.ordered.items():
            met = number - never_met[mode]
            found.faults.update({f"{mode} disk, met by the ledger": met} if met else {})
            found.faults.update({f"{mode} disk": never_met[mode]} if never_met[mode] else {})
        _judge_refusals(home, stories, found)
    for story in stories.values():
        is_strangers = _is_first_strangers(world, story)
        found.outcomes[FIRST_STRANGER if is_strangers else _outcome(story)] += 1
        _judge_record(story, found)
        if not is_strangers:
            _judge_paper(story, found)
        _judge_words(story, found)
        judge_events(story, found)
        _judge_turned(story, stories, found)
        if story.state == "unconfirmed":
            _judge_doubt(world, story, stories, found)
    _judge_repeats(world, stories, found)
    return found


def _stories(world: World, found: Judgement) -> dict[str, Story]:
    """Return all jobs by id, and note tasks that belong to no job: no round lasts until records are deleted."""
    stories: dict[str, Story] = {}
    by_token: dict[str, Story] = {}
    for home in world.homes.values():
        records = {record["job_id"]: record for record in home.records()}
        reported: dict[str, list[Reported]] = {}
        for one in home.reported:
            reported.setdefault(one.job_id, []).append(one)
        for job_id in {*records, *reported}:
            story = Story(
                home=home,
                job_id=job_id,
                record=records.get(job_id),
                reported=sorted(reported.get(job_id, []), key=lambda one: one.time),
            )
            stories[job_id] = story
            if story.record is not None:
                by_token |= {one["token"]: story for one in story.record["record"]["deliveries"]}
    papers: dict[str, list[PrintedJob]] = {}
    for paper in world.sim.cloud.out_tray:
        papers.setdefault(paper.task_id, []).append(paper)
    for task in world.sim.cloud.tasks.values():
        if task.foreign or task.preview:
            continue
        token = token_of(task.callback_url or "")
        printed = papers.get(task.task_id, [])
        owner = by_token.get(token)
        if owner is None:
            found.problems.append(f"orphan: a task with {len(printed)} papers is no job's")
            continue
        assert owner.record is not None
        owner.tasks.append(task)
        owner.papers += printed
        if owner.by_hand and owner.by_hand["half"] == 2 and token == owner.record["token"]:
            owner.second.add(task.task_id)
    return stories


def token_of(url: str) -> str:
    """Return the secret of a callback address."""
    return parse_qs(urlsplit(url).query).get("job", [""])[0]


def _outcome(story: Story) -> str:
    whole = all(any(paper.complete for paper in part) for part in story.parts)
    text = "whole" if whole else "part" if story.papers else "nothing"
    how = "by hand, " if story.by_hand else ""
    return f"{how}{story.state}, {text} printed"


def _judge_record(story: Story, found: Judgement) -> None:
    """Check that a reported job has a record and has ended, and that no document but its own came out."""
    if story.record is None:
        found.add("lost", story, "was told of and has no record")
        return
    if story.state not in FINAL:
        found.add("open", story, f"is still {story.state}")
    name = story.record["document_name"]
    # For pages that a copy prints, no call has named a document.
    asked = next((one for one in story.home.asked if one.path.name == name), None)
    if asked is not None and not all(_is_of(paper, story, asked) for paper in story.papers):
        found.add("altered", story, "another document came out")


def _judge_refusals(home: Home, stories: dict[str, Story], found: Judgement) -> None:
    """Check that a refused document is never printed."""
    for asked in home.asked:
        if asked.refused:
            same = [one for one in home.asked if one.digest == asked.digest and one is not asked]
            for story in stories.values():
                record = story.record
                if record is None or record["document_name"] != asked.path.name or same:
                    continue
                if story.papers and story.home is home:
                    found.add("refused", story, f"printed, though told {asked.error}")


def _is_of(paper: PrintedJob, story: Story, asked: Asked) -> bool:
    """Return whether a paper shows the requested document; in manual duplex, only the sides of its half."""
    if story.by_hand is None:
        return hashlib.sha256(paper.path.read_bytes()).hexdigest() == asked.digest
    # Document and number of each page. A blank page is the second side of the last sheet.
    pages = [image.text.split() for image in images(paper.path)]
    odd = paper.task_id not in story.second
    return all(
        (not page and not odd) or (page[0] == asked.path.stem and int(page[1]) % 2 == odd)
        for page in pages
    )


def _judge_paper(story: Story, found: Judgement) -> None:
    """Check that a job was printed once or not at all, and that reports say which."""
    for part in story.parts:
        if len({paper.task_id for paper in part}) > 1:
            found.add("doubled", story, f"{len(part)} papers, state {story.state}")
    for one in story.reported:
        if one.state == "completed" and not all(
            any(paper.complete and _moment(paper.time) <= one.time + SAME_MOMENT for paper in part)
            for part in story.parts
        ):
            found.add("false completed", story, f"{_paper(story)} when {_of(one)}")
            break
        if one.state in NOT_PRINTED and not one.partly and story.papers:
            found.add("false not printed", story, f"{_paper(story)}, but {_of(one)}")
            break


def _is_first_strangers(world: World, story: Story) -> bool:
    """Return whether a job that never arrived was reported with the outcome of the box's first foreign task.

    This is the one error that `jobs/task_matching.py` can make, and only if the task fell into the upload's window.
    """
    if story.record is None or story.tasks or story.by_hand is not None:
        return False
    delivery = Job.from_record(story.record["record"]).current_delivery
    task = world.sim.cloud.tasks.get(delivery.task_id or "")
    if not delivery.task_from_list or task is None or not task.foreign:
        return False
    first = min((one for one in task.box.tasks if one.foreign), key=lambda one: one.created)
    offset = task_matching.clock_offset(delivery, None)
    begin, end = task_matching.window(delivery, offset)
    return task is first and begin <= world.sim.cloud.shown_time(task.created) <= end


def _judge_turned(story: Story, stories: dict[str, Story], found: Judgement) -> None:
    """Check that paper turned over for a job got its second sides, and nothing of another job of the same home."""
    for task in story.tasks:
        for whose in task.printed_on:
            if stories[whose] is story and task.task_id in story.second:
                continue
            if stories[whose].home is story.home:
                found.add(
                    "on turned paper", story, f"({story.state}) on the sheets of {whose[-6:]}"
                )
    for upper, lower in story.home.piled:
        if upper == story.job_id and stories[lower].home is story.home:
            found.add("on turned paper", story, f"put on the sheets of {lower[-6:]}")


def _moment(cloud_time: float) -> float:
    """Convert a time of the cloud to the clock by which reports are stamped."""
    return cloud_time - (time.time() - time.monotonic())


def _paper(story: Story) -> str:
    if not story.papers:
        return "nothing came out"
    return ", ".join(
        "whole" if paper.complete else f"{paper.pages_out} pages" for paper in story.papers
    )


def _of(one: Reported) -> str:
    partly = " partly_printed" if one.partly else ""
    return f"{one.how} said {one.state}{partly} ({one.reason})"


def _judge_words(story: Story, found: Judgement) -> None:
    """Check that no final state was followed by another state."""
    finals: list[Reported] = []
    turned = story.by_hand is None
    for one in story.reported:
        if one.state == "held" and finals and not turned:
            # The first half had been in doubt and turned out to be printed.
            turned = True
            finals = [final for final in finals if final.state != "unconfirmed"]
        for final in finals:
            if one.how != final.how and one.time - final.time < SAME_MOMENT:
                continue
            allowed = {final.state}
            if final.state == "unconfirmed":
                allowed |= {"completed", "failed", "canceled"}
            if one.state not in allowed:
                found.add("taken back", story, f"{_of(final)}, then {_of(one)}")
                return
        if one.state in FINAL:
            finals.append(one)
    if story.record is not None and finals and finals[-1].state != story.record["state"]:
        found.add("taken back", story, f"{_of(finals[-1])}, then record {story.record['state']}")


def judge_events(story: Story, found: Judgement) -> None:
    """Check that no event was fired twice, and that the event of the final state was fired."""
    events = [one for one in story.reported if one.how == "event"]
    for state, times in Counter(one.state for one in events).items():
        # In manual duplex, each half is sent by itself and may be in doubt.
        halved = story.by_hand is not None and state not in FINAL - {"unconfirmed"}
        halves = 2 if halved else 1
        if state != "held" and times > halves:
            found.add("event twice", story, f"{state} {times} times")
    final = story.record and story.record["state"]
    if final not in FINAL or any(one.state == final for one in events):
        return
    # A report of `unconfirmed` before the end does not count: the proof may come, and the process die, long after it.
    begin = max((one.time for one in story.reported if one.state != final), default=0.0)
    after = [one.time for one in story.reported if one.state == final]
    end = min((one for one in after if one > begin), default=float("inf"))
    if not any(begin <= death <= end for death in story.home.deaths):
        found.add("no event", story, f"of {final} ({story.record and story.record['reason']})")


def _judge_repeats(world: World, stories: dict[str, Story], found: Judgement) -> None:
    """Check that all jobs with one request id, and all retries of one job, print at most once."""
    for home in world.homes.values():
        mine = [one for one in stories.values() if one.home is home and one.record and one.papers]
        for field_name in ("request_id", "retry_of"):
            groups: dict[str, list[Story]] = {}
            for story in mine:
                assert story.record is not None
                if key := story.record[field_name]:
                    groups.setdefault(key, []).append(story)
            for key, group in groups.items():
                if len(group) > 1:
                    states = ", ".join(f"{one.state} {_paper(one)}" for one in group)
                    found.add(f"doubled by {field_name}", group[0], f"{key[-8:]}: {states}")


def _judge_doubt(world: World, story: Story, stories: dict[str, Story], found: Judgement) -> None:
    """Check that nobody could have known the outcome of an unconfirmed job, and count the reason."""
    record = story.record
    assert record is not None
    exchanges = story.home.proxy.exchanges
    task_ids = {task.task_id for task in story.present}
    for one in exchanges:
        if not one.answered or one.status != 200:
            continue
        if one.way == "callback" and token_of(one.target) == record["token"]:
            if not isinstance(one.answer, dict):
                # Home Assistant itself answers 200 for an integration that is disabled or still starting.
                continue
            body = one.body if isinstance(one.body, dict) else {}
            if _is_proof(body) and body.get("task_id") in task_ids:
                found.add("needless doubt", story, "its callback was answered with 200")
                return
        elif one.endpoint == "GET /print/job" and record["task_id"]:
            data = (one.answer or {}).get("data") or {}
            if record["task_id"] in one.target and _is_proof(data):
                found.add("needless doubt", story, "its task was read")
                return
    why = _why(world, story, stories)
    if why is None:
        found.add("needless doubt", story, f"for no reason known: {record}")
        return
    found.unconfirmed[why] += 1


def _is_proof(report: dict[str, Any]) -> bool:
    """Return whether a report about a task proves its outcome; REVOKED does not prove that no sheet was printed."""
    result = report.get("task_result") or {}
    return report.get("task_state") == "FAILURE" or (
        report.get("task_state") == "SUCCESS" and result.get("code") is not None
    )


def _why(world: World, story: Story, stories: dict[str, Story]) -> str | None:
    """Return why nobody could know what became of a job, None if there is no reason."""
    record = story.record
    assert record is not None
    if not story.present:
        return "it never arrived, which no list can prove"
    is_revoked = any(task.state == "REVOKED" for task in story.present)
    if is_revoked and (record["expiring"] or not record["task_id"]):
        return "it was taken back when it may have been printing"
    if record["task_id"]:
        ends = [{"task_state": one.state, "task_result": one.result} for one in story.present]
        if is_revoked or any(map(_is_proof, ends)):
            # The integration requests the task for longer than a round lasts, so it must have read the task's end.
            return None
        return "its task never had an end that could be read"
    box = story.present[0].box
    mine = {
        task.task_id for one in stories.values() if one.home is story.home for task in one.tasks
    }
    if any(task.task_id not in mine and not task.preview for task in box.tasks):
        return "others printed on the box"
    doubts = [
        one
        for one in stories.values()
        if one is not story
        and one.record is not None
        and one.record["handed_over_at"]
        and not one.record["task_id"]
    ]
    if doubts:
        return f"{len(doubts)} other jobs in doubt"
    if any(task.preview for task in box.tasks):
        return "a preview was asked for"
    return _why_not_matched(world, story)


def _why_not_matched(world: World, story: Story) -> str | None:
    """Return why the only task on the list could not be matched to a job, None if it could."""
    assert story.record is not None
    job = Job.from_record(story.record["record"]).current_delivery
    offset = task_matching.clock_offset(job, None)
    if not offset.is_known:
        return "how far the clocks were apart was unknown"
    made = world.sim.cloud.shown_time(story.present[0].created)
    begin, end = task_matching.window(job, offset)
    if job.given_up_at is not None and end < made <= end + task_matching.LATE:
        return "its task was made after its upload had failed"
    if not begin <= made <= end:
        return "a clock was put right between the last answer and the upload"
    return None

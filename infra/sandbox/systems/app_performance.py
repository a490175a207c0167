"""App and server response times, errors and crashes. It knows a device and a session.

Requests are sampled; during incidents and peaks the sampling is denser, as monitoring tools do it, so that a stretch
of minutes is visible in a small world too.
"""

import numpy as np

from contracts.contract_file import load_contract
from infra.sandbox.life import effects
from infra.sandbox.life.calendar import Window
from infra.sandbox.life.incidents import ENDPOINTS, Incident, planted
from infra.sandbox.life.life_events import Journeys
from infra.sandbox.people import name_lists
from infra.sandbox.people.system_views import Digital
from infra.sandbox.rows.contract_rows import Shaped, at_rows
from infra.sandbox.rows.draw import DAY, MINUTE, SECOND, Draw, Flags, Ints, Text, numbered, only, text, where
from infra.sandbox.systems.web_app import session_ids

_CODES = ("TIMEOUT", "E500", "E403", "PAYMENT_DECLINED", "UPDATE_NEEDED")


def make(journeys: Journeys, digital: Digital) -> Shaped:
    """Rows of the window."""
    out = Shaped(load_contract("app_performance"))
    draw = journeys.window.draw(90)
    _requests(out, draw=draw, journeys=journeys, digital=digital)
    return out


def _requests(out: Shaped, *, draw: Draw, journeys: Journeys, digital: Digital) -> None:
    people, window = journeys.people, journeys.window
    person, at = window.happen(draw, people, np.where(digital.has_app, 4.5 * np.clip(people.digital, 0.2, 3), 0.0))
    endpoint = draw.index(len(person), [25, 20, 12, 8, 6, 14, 7, 8])
    region = people.region[person]
    for incident in planted(window):
        extra = _dense(draw, journeys=journeys, digital=digital, incident=incident)
        person, at = np.concatenate([person, extra[0]]), np.concatenate([at, extra[1]])
        place = ENDPOINTS.index(incident.endpoint) if incident.endpoint else 0
        endpoint = np.concatenate(
            [endpoint, np.where(draw.flags(len(extra[0]), 0.6), place, draw.between(0, 8, len(extra[0])))]
        )
        region = np.concatenate([region, people.region[extra[0]]])
    keep = np.flatnonzero(journeys.here(person, at))
    person, at, endpoint, region = person[keep], at[keep], endpoint[keep], region[keep]
    struck = _struck(window, at=at, endpoint=endpoint, region=region)
    size = len(keep)
    server = 60 * np.exp(draw.rng.normal(0, 0.5, size)) * np.where(struck, effects.INCIDENT_LATENCY_RATIO, 1.0)
    latency = server + 90 * np.exp(draw.rng.normal(0, 0.7, size))
    failed = draw.flags(size, np.where(struck, 0.25, 0.012))
    number = window.numbers(size)
    version = _versions(window, draw, at)
    session = only(draw.flags(size, 0.6), session_ids(number))
    shared: dict[str, object] = {
        "device_id": text(digital.device, person),
        "session_id": session,
        "app_version": version,
        "region": text(name_lists.REGIONS, region),
        "event_at": at,
    }
    delivered = at + draw.exponential(10 * MINUTE, size) + 5 * SECOND
    out.add(
        "requests",
        person=people.number[person],
        delivered=delivered,
        columns={
            **shared,
            "request_id": numbered("RQ", number),
            "endpoint": text(ENDPOINTS, endpoint),
            "latency_ms": np.round(np.minimum(latency, 60_000), 1),
            "server_ms": np.round(np.minimum(server, 60_000), 1),
            "http_status": np.where(
                failed, np.where(draw.flags(size, 0.7), 500, 504), np.where(draw.flags(size, 0.02), 404, 200)
            ),
        },
    )

    def chosen(rows: Ints) -> dict[str, object]:
        return at_rows(shared, rows)

    rows = np.flatnonzero(failed | draw.flags(size, 0.02))
    out.add(
        "errors",
        person=people.number[person[rows]],
        delivered=delivered[rows] + SECOND,
        columns={
            **chosen(rows),
            "error_id": numbered("ER", number[rows]),
            "endpoint": text(ENDPOINTS, endpoint[rows]),
            "error_code": where(failed[rows], draw.pick(_CODES[:2], len(rows)), draw.pick(_CODES[2:], len(rows))),
        },
    )
    rows = np.flatnonzero(draw.flags(size, 0.008))
    out.add(
        "crashes",
        person=people.number[person[rows]],
        delivered=delivered[rows] + 2 * SECOND,
        columns={
            **chosen(rows),
            "crash_id": numbered("CR", number[rows]),
            "signal": draw.pick(("SIGSEGV", "SIGABRT", "OOM", "ANR"), len(rows), [30, 25, 25, 20]),
        },
    )


def _dense(draw: Draw, *, journeys: Journeys, digital: Digital, incident: Incident) -> tuple[Ints, Ints]:
    """Requests of people with the app, of the incident's region where it is one, within its seconds."""
    own = digital.has_app & (journeys.people.region == name_lists.REGIONS.index(incident.region))
    pool = np.flatnonzero(digital.has_app if incident.is_harmless else own)
    if not len(pool):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    wanted = max(40, min(len(journeys.people) // 100, 400)) if journeys.window.block == 0 else 20
    return pool[draw.between(0, len(pool), wanted)], incident.start + draw.between(0, incident.seconds * SECOND, wanted)


def _struck(window: Window, *, at: Ints, endpoint: Ints, region: Ints) -> Flags:
    """Whether a request falls into an incident: its seconds, its region, its endpoint."""
    struck = np.zeros(len(at), dtype=np.bool_)
    for incident in planted(window):
        if not incident.is_harmless and incident.endpoint:
            struck |= (
                (at >= incident.start)
                & (at < incident.end)
                & (region == name_lists.REGIONS.index(incident.region))
                & (endpoint == ENDPOINTS.index(incident.endpoint))
            )
    return struck


def _versions(window: Window, draw: Draw, at: Ints) -> Text:
    """The newest release for most; one in five is a release behind."""
    release = np.maximum((at - window.world_start) // (21 * DAY) - draw.flags(len(at), 0.2), 0)
    releases = [f"5.{number}.0" for number in range(int(release.max(initial=0)) + 1)]
    return text(releases, release)

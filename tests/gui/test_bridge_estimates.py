from interp_gui.core.analysis import Inputs
from interp_gui.core.cost import Cost
from interp_gui.engine.messages import Estimate, Estimated, Run

REQUEST = Run(analysis="brightness", model="m", inputs=Inputs())


def tell(client, job, seconds):
    generation = client.options[job]["generation"]
    client.emit(Estimated(job=job, generation=generation, cost=Cost(seconds=seconds)))


def test_the_cost_comes_back_once(qtbot, bridge, client):
    told = []
    job = bridge.estimate(REQUEST, told.append)
    assert client.requests[job] == Estimate(run=REQUEST)
    assert client.options[job]["priority"] == "interactive"
    assert bridge.active == ()  # an errand, not listed
    tell(client, job, 3)
    client.end(job)
    qtbot.waitUntil(lambda: told == [Cost(seconds=3)])


def test_what_cannot_be_told_is_none(qtbot, bridge, client):
    told = []
    client.end(bridge.estimate(REQUEST, told.append))
    client.end(bridge.estimate(REQUEST, told.append), outcome="failed")
    qtbot.waitUntil(lambda: told == [None, None])


def test_asking_anew_forgets_the_older_question_but_not_the_run(qtbot, bridge, client):
    told = []
    running = bridge.run(REQUEST, title="Brightness", view="tab")
    first = bridge.estimate(REQUEST, lambda cost: told.append(("first", cost)), view="tab")
    second = bridge.estimate(REQUEST, lambda cost: told.append(("second", cost)), view="tab")
    assert ("cancel", first) in client.calls
    assert ("cancel", running) not in client.calls
    for job, seconds in ((first, 1), (second, 2)):
        tell(client, job, seconds)
        client.end(job)
    qtbot.waitUntil(lambda: told == [("second", Cost(seconds=2))])


def test_a_view_that_closes_is_not_told(qtbot, bridge, client):
    told = []
    job = bridge.estimate(REQUEST, told.append, view="tab")
    bridge.drop_estimate("tab")
    client.end(job)
    other = bridge.estimate(REQUEST, told.append)
    client.end(other)
    qtbot.waitUntil(lambda: told == [None])

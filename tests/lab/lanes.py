"""Which tests a process runs: scripts/lanes runs several side by side, and each takes the next test that nobody has taken."""
import os


def taken(session):
    """The tests in lists, each to be run in one go; LANYARD_LANES is the folder where the processes note which are taken."""
    groups = []
    for item in session.items:
        together = item.get_closest_marker("together") is not None
        if together and groups and groups[-1][0].parent is item.parent:
            groups[-1].append(item)
        else:
            groups.append([item])
    folder, others = os.environ.get("LANYARD_LANES"), []
    for i, group in enumerate(groups):
        try:
            if folder is not None:
                os.close(os.open(os.path.join(folder, str(i)), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
            yield group
        except FileExistsError:
            others += group
    if others:
        session.config.hook.pytest_deselected(items=others)


def run(session):
    """For pytest_runtestloop. The one of pytest knows beforehand which test is next."""
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        raise session.Interrupted("%d errors while collecting" % session.testsfailed)
    if session.config.option.collectonly:
        return True
    for group in taken(session):
        for item, following in zip(group, group[1:] + [None]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
    return True

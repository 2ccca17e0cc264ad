"""What a run does with memory that just suffices, or does not."""


def test_a_join_whose_build_side_just_fits_never_fails_after_its_first_row(session):
    """The memory of the probe must not be what is left of the build side's: by the time it is needed
    rows have gone to the client, and PostgreSQL's plan cannot take over."""
    session.execute("""
        drop table if exists visitors, places;
        create table places (k int, y int, z int, w text);
        insert into places select i, i, i, 'w' from generate_series(1, 20000) i;
        insert into places values (99999, 1, 1, 'w'), (99999, 2, 2, 'w');
        create table visitors (k int, a int, b int, c text, d text, e text);
        insert into visitors select i, i, i, 'c' || i, 'd' || i, 'e' || i from generate_series(1, 20000) i;
        insert into visitors select 99999, 1, 1, 'c', 'd', 'e' from generate_series(1, 3000);
        analyze places; analyze visitors; set hash_mem_multiplier = 1
    """)
    # PostgreSQL expects next to none of places to pass; all do.
    query = "select v.*, p.* from visitors v join places p on v.k = p.k where p.y + 0 = p.y and p.z + 0 >= p.z"
    expected = session.outcome(query, "off")
    assert session.is_taken(query)
    abandoned = set()
    try:
        for kilobytes in range(600, 1700, 40):
            session.execute(f"set work_mem = {kilobytes}")
            assert session.outcome(query, "force") == expected, f"work_mem = {kilobytes} kB"
            lines = session.plan(query, 0, "analyze, costs off, timing off")
            abandoned.add(any("Abandoned" in line for line in lines))
    finally:
        session.execute("reset work_mem; reset hash_mem_multiplier")
    assert abandoned == {False, True}

import asyncio
import pytest
from tests.support.both_places import *
from tests.support.console import console_of, screen_text, until, shows
pytestmark = pytest.mark.redis

@pytest.mark.parametrize("size", [(80,24),(160,48)])
async def test_look(direct, redis_url, tmp_path, size):
    fill_resque(direct); fill_sidekiq(direct)
    app = console_of(places_at(redis_url), folder=tmp_path)
    out = open(f"/tmp/places_look/{size[0]}.txt","w")
    async with app.run_test(size=size) as pilot:
        await until_all_polled(pilot)
        await pilot.pause(0.5)
        for key in ["1","2","3","t","t","4","5","7","2","0","0","0"]:
            await pilot.press(key); await pilot.pause(0.4)
            out.write(f"--- {key}\n"+screen_text(app)); out.flush()

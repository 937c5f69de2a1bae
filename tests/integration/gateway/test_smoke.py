import asyncio, json, time
import pytest
from fader.model.service import *
from .envoy import free_port, gateway
from .http import apps, get, connect, read_head
from .worlds import live, shop, split, world, HEADER, COOKIE, SECRET

pytestmark = pytest.mark.slow

async def test_jwt(tmp_path):
    import base64, hmac, hashlib
    b=lambda x: base64.urlsafe_b64encode(x).rstrip(b"=").decode()
    key=b"k"*32
    (tmp_path/"jwks.json").write_text(json.dumps({"keys":[{"kty":"oct","k":b(key),"alg":"HS256","kid":"1"}]}))
    h=b(json.dumps({"alg":"HS256","kid":"1","typ":"JWT"}).encode()); c=b(json.dumps({"iss":"iss","sub":"alice"}).encode())
    tok=f"{h}.{c}."+b(hmac.new(key,f"{h}.{c}".encode(),hashlib.sha256).digest())
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(UnitSource("jwt","sub",issuer="iss",jwks=str(tmp_path/"jwks.json")),HEADER))
        async with gateway(world(live(service, split()))) as gw:
            for h in ([("authorization","Bearer "+tok)],[("authorization","Bearer "+tok[:-4]+"AAAA"),("x-user-id","bob")],[]):
                a = await get(port, "/x?y=1", *h)
                print(a.status, a.headers, a.body)
            print(gw.log_text(), await gw.stats("listener_manager.lds|rds"))

async def test_ws():
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        async with gateway(world(live(service, split()))) as gw:
            async def ws(*h):
                r,w=await asyncio.open_connection("127.0.0.1",port)
                w.write(b"GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"+b"".join(a.encode()+b"\r\n" for a in h)+b"\r\n")
                print(await read_head(r)); w.write(b"hi"); print(await r.read(100)); return r,w
            a=await ws("x-user-id: a"); b=await ws()
            t=time.time()
            print(await gw.stats("version_text"))
            try:
                print(await gw.apply(world(live(service, None),version=2)))
            except TimeoutError:
                print(await gw.stats("version_text|reject"), gw.log_text()); raise
            print("applied", time.time()-t)
            print(await asyncio.wait_for(a[0].read(100),20), "closed after", time.time()-t)
            await asyncio.sleep(4)
            b[1].write(b"still"); print(await asyncio.wait_for(b[0].read(100),5))
            v2.reset=False
            await gw.apply(world(live(service, split()),version=2))
            await v2.stop()
            a=await ws("x-user-id: a")
            print(gw.log_text())
            a[1].close(); b[1].close()
            await asyncio.sleep(.5)
            for l in await gw.lines(3): print(l)
            await v2.start()

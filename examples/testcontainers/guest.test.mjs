// A test that runs commands in a guest of hurd-vm: npm ci && npm test.
// HURD_VM_IMAGE names the image. Testcontainers pulls and starts an additional container (ryuk) that removes what a
// killed test leaves behind; set TESTCONTAINERS_RYUK_DISABLED=true if no registry can be reached or the engine's
// socket must not be mounted into a container.
import assert from "node:assert/strict";
import net from "node:net";
import { after, before, test } from "node:test";
import { GenericContainer, PullPolicy, Wait } from "testcontainers";

// Pulled only if it does not exist locally; `PullPolicy.alwaysPull()` always pulls.
const image = process.env.HURD_VM_IMAGE ?? "hurd-vm:latest";
let guest;

before(async () => {
  guest = await new GenericContainer(image)
    .withPullPolicy(PullPolicy.defaultPolicy())
    .withExposedPorts(5555)
    .withTmpFs({ "/run": "rw", "/tmp": "rw", "/var/tmp": "rw" })
    // The image's own health check: the guest is ready and healthy.
    .withWaitStrategy(Wait.forHealthCheck())
    .withStartupTimeout(120_000)
    .start();
});

after(async () => {
  // Milliseconds for the guest's shutdown, after which its power is cut.
  await guest?.stop({ timeout: 60_000 });
});

test("a command in the guest: its output and its status", async () => {
  const { output, exitCode } = await guest.exec(["vm", "exec", "uname"]);
  assert.equal(exitCode, 0);
  assert.match(output, /^GNU Mach /);
  assert.equal((await guest.exec(["vm", "exec", "false"])).exitCode, 1);
});

test("the serial console on a port of this machine", async () => {
  const socket = net.connect(guest.getMappedPort(5555), guest.getHost());
  let text = "";
  for await (const data of socket) {
    text += data.toString("latin1");
    if (/login: $/.test(text)) break;
  }
  socket.destroy();
  assert.match(text, /machsh/);
});

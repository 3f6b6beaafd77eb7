// client.mjs - drive `vm mcp` with the reference SDK's client.
//
//   node client.mjs legacy|modern SCENARIO COMMAND [ARGUMENT...]
//   node client.mjs legacy|modern SCENARIO URL TOKEN
//
// COMMAND is the server, on standard input and output; URL is a server over HTTP. legacy: the SDK's client of the
// revisions that begin with `initialize`; modern: the one of revision 2026-07-28. SCENARIO: mach or linux, a guest.
// Both clients check structuredContent against the tool's outputSchema. Prints a line for each successful check;
// exits with 1 at the first that fails.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';

const [era, scenario, command, ...args] = process.argv.slice(2);
const legacy = era === 'legacy';
// Installed by the test in another directory.
const require = createRequire(`${process.env.MCP_MODULES}/`);
const load = (name) => import(require.resolve(name));
const { Client } = await load(legacy ? '@modelcontextprotocol/sdk/client/index.js' : '@modelcontextprotocol/client');
const { StdioClientTransport } = await load(
    legacy ? '@modelcontextprotocol/sdk/client/stdio.js' : '@modelcontextprotocol/client/stdio');
const { StreamableHTTPClientTransport } = await load(
    legacy ? '@modelcontextprotocol/sdk/client/streamableHttp.js' : '@modelcontextprotocol/client');
const transport = command.startsWith('http')
    ? new StreamableHTTPClientTransport(new URL(command), { requestInit: { headers: { Authorization: `Bearer ${args[0]}` } } })
    : new StdioClientTransport({ command, args, env: process.env, stderr: 'inherit' });

const client = new Client({ name: 'test', version: '1' },
    legacy ? {} : { versionNegotiation: { mode: { pin: '2026-07-28' } } });
const unasked = [];
client.onerror = (error) => unasked.push(error);
await client.connect(transport);

const patience = Number(process.env.PATIENCE ?? 1);
const call = (name, given = {}, options = {}) => {
    const all = { timeout: 60000 * patience, ...options };
    return legacy ? client.callTool({ name, arguments: given }, undefined, all)
        : client.callTool({ name, arguments: given }, all);
};
const text = (result) => result.content.map((c) => c.text ?? '').join('\n');
const seen = (what) => console.log(`seen: ${what}`);
const good = async (name, given, options) => {
    const result = await call(name, given, options);
    assert.equal(result.isError ?? false, false, text(result));
    return result;
};
const bad = async (name, given, pattern) => {
    const result = await call(name, given);
    assert.equal(result.isError, true, text(result));
    assert.match(text(result), pattern);
};

async function everywhere() {
    assert.equal(client.getServerVersion().name, 'hurd-vm');
    seen(`version ${legacy ? client.transport.protocolVersion ?? 'initialize' : client.getNegotiatedProtocolVersion()}`);
    const { tools } = await client.listTools();
    assert.deepEqual(tools.map((t) => t.name), ['status', 'exec', 'console_read', 'console_send', 'expect',
        'screenshot', 'push', 'pull', 'snapshot', 'reset', 'stop', 'profile']);
    for (const tool of tools) {
        assert.equal(tool.inputSchema.type, 'object');
        assert.equal(tool.inputSchema.additionalProperties, false);
    }
    seen('tools');
    await assert.rejects(call('nosuch'), (e) => e.code === -32602 && /Unknown tool: nosuch/.test(e.message));
    seen('unknown tool');
    await bad('exec', {}, /command is missing/);
    await bad('exec', { command: 'true', timeout: 'soon' }, /timeout is no integer from 1 to 86400/);
    await bad('exec', { command: 'true', nosuch: 1 }, /no argument nosuch; there are: command, timeout/);
    await bad('snapshot', { action: 'save' }, /save needs a name\nfix: give a name/);
    await bad('console_send', {}, /nothing to send/);
    await bad('push', { to: '/x', text: 'a', from: 'b' }, /2 of text, base64 and from/);
    await bad('push', { to: '/x', base64: '!' }, /is not valid base64/);
    seen('bad arguments');
}

async function mach() {
    const status = await good('status');
    assert.equal(status.structuredContent.ready, true);
    assert.deepEqual(JSON.parse(text(status)), status.structuredContent);
    seen('status');

    let run = await good('exec', { command: 'echo one; echo two' });
    assert.deepEqual(run.structuredContent, { exit_status: 0, output: 'one\ntwo\n', stderr: '', truncated: false });
    run = await good('exec', { command: 'false' });
    assert.equal(run.structuredContent.exit_status, 1);
    await bad('exec', { command: 'true', directory: '/tmp' }, /has no environment and no directories\nvm:   fix: /);
    seen('exec');

    // The guest prints escape sequences, and bytes that are not UTF-8. Meanwhile a call waits: those that begin later
    // end earlier.
    let waits = true;
    const [line] = await Promise.all([
        good('expect', { pattern: '^typed 42 ', timeout: 30 * patience }).finally(() => { waits = false; }),
        (async () => {
            await good('console_send', { text: 'root', enter: true });
            await good('expect', { pattern: 'machsh# ', from: 'start', timeout: 30 * patience });
            await good('console_send', { text: 'echo typed 42 \\x1b \u001b[31mred\u001b[0m \u00e4' });
            assert.ok(waits);
            seen('two at once');
            await good('console_send', { keys: ['enter'] });
        })(),
    ]);
    assert.match(line.structuredContent.line, /^typed 42 /);
    const tail = text(await good('console_read', { lines: 5 }));
    assert.match(tail, /^typed 42 /m);
    assert.ok(!tail.includes('\u001b') && tail.split('\n').length <= 6);
    await good('console_send', { text: 'exit', enter: true });
    await good('expect', { pattern: '^logout', from: 'start' });
    seen('console');

    await bad('expect', { pattern: 'never', timeout: 1 }, /not in time/);
    await bad('expect', { pattern: '(', timeout: 1 }, /vm expect: .*\nvm:   fix: /);
    await bad('screenshot', {}, /no display/);
    seen('failures');

    // More calls than are allowed.
    const many = new AbortController();
    let refused = 0;
    await Promise.all(Array.from({ length: 20 }, () => call('expect', { pattern: 'never', timeout: 900 }, { signal: many.signal }).then((r) => {
        assert.match(text(r), /16 calls are running already/);
        if (++refused === 4) many.abort('enough');
    }, () => {})));
    assert.equal(refused, 4);
    // The cancelled ones have ended soon.
    while (/16 calls are running already/.test(text(await call('status')))) continue;
    seen('too many');

    // Progress and a cancellation: the command in the guest ends, and the console can be used again.
    const abort = new AbortController();
    let told = 0;
    await assert.rejects(call('exec', { command: 'sleep 600', timeout: 900 },
        { signal: abort.signal, onprogress: (p) => { if (p.progress > told) { told = p.progress; abort.abort('enough'); } } }));
    assert.ok(told >= 1);
    assert.equal((await good('exec', { command: 'echo free' })).structuredContent.output, 'free\n');
    seen('cancel');

    const report = await good('profile', { samples: 1, warm_up: 0, cpus: '1' }, { timeout: 120000 * patience });
    assert.match(text(report), /Boot profile of mach[^]*report in \//);
    seen('profile');

    await good('reset');
    await good('expect', { pattern: 'GNU Mach', from: 'now', timeout: 60 * patience });
    seen('reset');
    const stop = await good('stop', { now: true });
    assert.equal(typeof stop.structuredContent.exit_status, 'number');
    seen('stop');
}

async function http() {
    assert.equal((await good('status')).structuredContent.ready, true);
    assert.equal((await good('exec', { command: 'echo by http' })).structuredContent.output, 'by http\n');
    // Progress comes while the call runs, as an event of a stream; a call without has a plain answer.
    let told = 0;
    assert.equal((await good('exec', { command: 'sleep 3' }, { onprogress: (p) => { told = p.progress; } })).structuredContent.exit_status, 0);
    assert.ok(told >= 1, `progress ${told}`);
    seen('progress');
    seen('http');
}

async function linux() {
    const run = await good('exec', { command: 'echo $A in $PWD; exit 3', env: ['A=b c'], directory: '/tmp', via: 'ssh' });
    assert.equal(run.structuredContent.output, 'b c in /tmp\n');
    assert.equal(run.structuredContent.exit_status, 3);
    seen('exec by ssh');

    const bytes = randomBytes(300000);
    await good('push', { to: '/root/random', base64: bytes.toString('base64') });
    const back = await good('pull', { from: '/root/random' });
    assert.equal(back.structuredContent.size, bytes.length);
    assert.equal(back.content[0].type, 'resource');
    assert.ok(Buffer.from(back.content[0].resource.blob, 'base64').equals(bytes));
    const note = 'a line \u00e4\n\ttwo "quoted" \\\n';
    await good('push', { to: '/root/note.txt', text: note });
    const read = await good('pull', { from: '/root/note.txt' });
    assert.equal(text(read), note);
    assert.deepEqual(read.structuredContent, { path: '/root/note.txt', size: Buffer.byteLength(note), encoding: 'utf-8' });
    await bad('pull', { from: '/root' }, /give a directory of this side/);
    await bad('pull', { from: '/nosuch' }, /nosuch/);
    seen('push and pull');

    const picture = await good('screenshot');
    assert.equal(picture.content[0].mimeType, 'image/png');
    assert.equal(Buffer.from(picture.content[0].data, 'base64').subarray(1, 4).toString(), 'PNG');
    assert.match(text(await good('screenshot', { text: true })), /\S/);
    seen('screenshot');

    await good('snapshot', { action: 'save', name: 'one' });
    const list = await good('snapshot', { action: 'list' });
    assert.match(text(list), /"one"/);
    await good('snapshot', { action: 'delete', name: 'one' });
    seen('snapshot');

    // Only the end of a long output is kept.
    const flood = await good('exec', { command: 'seq 1 100000', via: 'ssh' });
    assert.equal(flood.structuredContent.truncated, true);
    assert.ok(flood.structuredContent.output.endsWith('\n100000\n'));
    seen('long output');
}

await everywhere();
await { mach, linux, http, everywhere: async () => {} }[scenario]();
assert.deepEqual(unasked, []);
await client.close();
seen('end');

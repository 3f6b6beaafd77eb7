// main.ts URL TOKEN - the whole API by the client that is generated from docs/api.yaml: its types are checked by
// the compiler, and its answers here. The guest is the built-in one.
import * as api from './client'
import { client } from './client/client.gen'

declare const process: { argv: string[]; exitCode?: number }

function check(value: unknown, what: string): asserts value {
  if (!value) throw new Error(what)
}

// What the server answers to a request that it refuses.
async function refused(call: Promise<{ error?: unknown; response?: Response }>, status: number): Promise<api.Problem> {
  const { error, response } = await call
  check(response?.status === status, `status ${response?.status}, not ${status}`)
  const problem = error as api.Problem
  check(problem.status === status && problem.title && problem.detail, JSON.stringify(problem))
  return problem
}

async function fine<T>(call: Promise<{ data: T; error?: unknown; response?: Response }>): Promise<NonNullable<T>> {
  const { data, error, response } = await call
  check(response?.ok && data !== undefined, `${response?.url}: ${response?.status} ${JSON.stringify(error)}`)
  return data as NonNullable<T>
}

async function run(command: string): Promise<{ output: string; status: number }> {
  const { stream } = await api.exec({ body: { command, timeout: 60 } })
  let output = ''
  for await (const event of stream) {
    const data = event as unknown as { text?: string; status?: number }
    output += data.text ?? ''
    if (data.status !== undefined) return { output, status: data.status }
  }
  throw new Error('the stream has ended without the status')
}

async function main([url, token]: string[]) {
  client.setConfig({ baseUrl: url, auth: token })

  const health = await fine(api.health())
  check(health.ready && health.exit_status === 0, 'not ready')
  const status = await fine(api.status())
  check(status.state === 'running' && status.guest === 'mach', JSON.stringify(status))
  check((await fine(api.settings())).length > 50, 'settings')
  check(/VM status: running/.test((await fine(api.monitor({ body: { command: 'info status' } }))).output ?? ''), 'monitor')
  check(/hurdvm_ready 1/.test(String(await fine(api.metrics({ parseAs: 'text' })))), 'metrics')
  console.log('seen: status')

  await fine(api.send({ body: { text: 'root\n' } }))
  check((await fine(api.expect({ body: { pattern: 'machsh#', from: 'start', timeout: 60 } }))).matched, 'expect')
  const echo = await run('echo by the client')
  check(echo.output === 'by the client\n' && echo.status === 0, JSON.stringify(echo))
  check((await run('false')).status === 1, 'false')
  console.log('seen: console')

  await fine(api.snapshotSave({ body: { name: 'one' } }))
  check((await fine(api.snapshotList())).map(s => s.name).join() === 'one', 'snapshots')
  await fine(api.snapshotLoad({ path: { name: 'one' } }))
  await fine(api.snapshotDelete({ path: { name: 'one' } }))
  check((await fine(api.snapshotList())).length === 0, 'no snapshots')
  console.log('seen: snapshots')

  await fine(api.pause())
  check((await fine(api.status())).state === 'paused', 'paused')
  await fine(api.continue_())
  check((await fine(api.status())).state === 'running', 'running')
  console.log('seen: pause')

  const { stream } = await api.events({ headers: { 'Last-Event-ID': '0-0' } })
  let events = 0
  for await (const event of stream) {
    events++
    if ((event as unknown as { event?: string }).event === 'ready') break
  }
  check(events > 3, `${events} events`)
  console.log('seen: events')

  const { name } = await fine(api.profileStart({ body: { cpus: 1, samples: 1, warm_up: 0 } }))
  check(name, 'a name')
  for (let list = await fine(api.profiles()); list.running; list = await fine(api.profiles())) {
    check(list.running === name && list.progress?.name === name, JSON.stringify(list))
    await new Promise(done => setTimeout(done, 100))
  }
  check((await fine(api.profile({ path: { name } })) as { cells?: string[] }).cells?.length === 1, 'results.json')
  check(/Boot profile/.test(String(await fine(api.profileFile({ path: { name, file: 'report.txt' }, parseAs: 'text' })))), 'report.txt')
  console.log('seen: profile')

  check((await refused(api.expect({ body: { pattern: '(' } }), 400)).fix, 'a fix')
  check((await refused(api.expect({ body: { pattern: 'never', timeout: 1 } }), 408)).exit_status === 1, '408')
  await refused(api.profile({ path: { name: 'none' } }), 404)
  await refused(api.suspend(), 409)
  await refused(api.pull({ query: { path: '/etc/hostname' } }) as Promise<{ error?: unknown; response?: Response }>, 409)
  await refused(api.status({ auth: 'wrong-token-of-16' }), 401)
  console.log('seen: problems')

  const mcp = await fine(api.mcp({ body: { jsonrpc: '2.0', id: 1, method: 'ping' } as never })) as { result?: unknown }
  check(mcp.result, JSON.stringify(mcp))
  await fine(api.stop({ body: { now: true } }))
  console.log('seen: end')
}

main(process.argv.slice(2)).catch(e => {
  console.log(e)
  process.exitCode = 1
})

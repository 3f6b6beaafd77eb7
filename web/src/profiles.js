// profiles.js - the boot profiler: a form, its progress, and the list of reports.
import { get, post } from './api.js'
import { busy, complain } from './ask.js'
import { button, field, fill, h, say, setText } from './dom.js'
import { duration } from './format.js'
import { compareReports, showReport } from './report.js'
import { watch } from './store.js'

const AXES = [['cpus', 'Processors', '1', '1,2,4'], ['ram', 'Memory (MiB)', '', '128,512'],
  ['accels', 'Accelerators', '', 'kvm,tcg'], ['machines', 'Machines', '', 'q35,pc'], ['cpu_models', 'CPU models', '', 'qemu64,max'], ['buses', 'Disk buses', '', 'ahci,virtio']]

export function profilesTab() {
  const body = h('tbody')
  const shown = h('div.report')
  const running = h('div.running', { hidden: true })
  const bar = h('progress', { max: 1, 'aria-label': 'Progress of the profile' })
  const text = h('p')
  running.append(text, bar)
  const compare = button('Compare the two', () => open(), { disabled: true })
  let profiles = []
  let last = ''

  const inputs = AXES.map(([key, label, value, hint]) => [key, h('input', { name: key, value, placeholder: hint, spellcheck: 'false' }), label])
  const samples = h('input', { name: 'samples', type: 'number', min: 1, max: 100, value: 3 })
  const warmUp = h('input', { name: 'warm_up', type: 'number', min: 0, max: 10, value: 1 })
  const until = h('input', { name: 'until', value: 'ready', placeholder: 'ready, login, ssh, http or a phase' })
  const go = h('button.primary', { type: 'submit' }, 'Run')
  const form = h('form', { onsubmit: e => { e.preventDefault(); busy(go, run) } },
    h('div.grid', inputs.map(([, input, label]) => field(label, input)), field('Samples per cell', samples), field('Warm-ups', warmUp), field('Until', until)),
    h('div.row', go, h('p.hint', 'Boots every combination of these values on throwaway disks, beside the running guest. Separate several values by commas; an empty field uses the setting.')))

  async function run() {
    const options = { samples: Number(samples.value), warm_up: Number(warmUp.value), until: until.value.trim() || 'ready' }
    for (const [key, input] of inputs) if (input.value.trim()) options[key] = input.value.replace(/\s+/g, '')
    const { name } = await post('profile', options)
    progress({ name, state: 'running', done: 0, total: 0 })
    say(`Profile ${name} started.`)
    await list()
  }

  // The server sends an event for each boot; between them the remaining time is counted down here.
  let now = null
  let at = 0
  function draw() {
    const { name, state = 'running', done, total, eta_s: eta, text: words } = now
    const left = eta - (performance.now() - at) / 1000
    const what = state === 'failed' ? `failed: ${total && done >= total ? 'a cell has no sample that reached the phase' : words}`
      : !total ? 'starting'
      : `${done} of ${total} boots${state !== 'running' ? '' : left >= 1 ? `, about ${duration(left * 1000)} to go` : eta > 0 ? ', nearly done' : ''}`
    setText(text, `${name}: ${what}`)
  }

  function progress(event) {
    const { name, state = 'running', done, total } = event
    now = event
    at = performance.now()
    running.hidden = false
    running.dataset.tone = { done: 'ok', failed: 'bad' }[state] ?? 'none'
    if (total) bar.value = done / total
    else if (state === 'running') bar.removeAttribute('value')
    draw()
    if (state === 'running' || last === name) return
    last = name
    say(`Profile ${name} ${state === 'failed' ? 'failed' : 'finished'}.`)
    list().then(() => show(name)).catch(complain)
  }
  setInterval(() => { if (now && now.state === 'running' && !document.hidden) draw() }, 1000)

  // A run that was not started here (`vm profile` in the container) sends no events: its directory is looked at.
  const complete = new Set()
  let looking = false
  async function look() {
    if (looking || document.hidden || !panel.checkVisibility() || (now?.state === 'running' && !now.elsewhere)) return
    looking = true
    try {
      await list()
      for (const { name } of profiles.filter(p => !complete.has(p.name)).slice(0, 8)) {
        const p = await get(`profile/${encodeURIComponent(name)}/status`)
        const known = { name, done: p.finished, total: p.planned, elsewhere: true }
        if (p.state === 'complete') complete.add(name)
        if (p.running) progress({ ...known, state: 'running', eta_s: (p.left_ms ?? 0) / 1000 })
        else if (now?.elsewhere && now.name === name && now.state === 'running')
          progress({ ...known, state: p.state === 'complete' ? 'done' : 'failed', text: 'it was interrupted' })
      }
    } catch { /* the next look may know more */ } finally { looking = false }
  }
  setInterval(look, 3000)

  async function list() {
    const answer = await get('profile')
    const all = (answer?.profiles ?? answer ?? []).map(p => typeof p === 'string' ? { name: p } : p).sort((a, b) => b.name.localeCompare(a.name))
    if (body.firstChild && all.map(p => p.name).join('/') === profiles.map(p => p.name).join('/')) return // what is ticked stays
    profiles = all
    fill(body, profiles.length === 0 && h('tr', h('td', { colspan: 3 }, 'There are no profiles yet.')), profiles.map(p => h('tr',
      h('td', h('input', { type: 'checkbox', value: p.name, 'aria-label': `Compare ${p.name}`, onchange: picked })),
      h('th', { scope: 'row' }, p.name),
      h('td', button('Show', () => show(p.name).catch(complain), { class: 'small', 'aria-label': `Show ${p.name}` })))))
    picked()
  }

  const chosen = () => [...body.querySelectorAll('input:checked')].map(i => i.value)
  function picked() { compare.disabled = chosen().length !== 2 }

  const report = name => get(`profile/${encodeURIComponent(name)}`)
  async function show(name) {
    fill(shown, showReport(name, await report(name)))
    shown.scrollIntoView({ block: 'nearest' })
  }

  async function open() {
    const [b, a] = chosen() // the list has the newest first
    await busy(compare, async () => fill(shown, compareReports(a, await report(a), b, await report(b))))
    picked()
  }

  watch('profile', progress)
  const panel = h('div.profiles',
    h('section', { 'aria-labelledby': 'run-title' }, h('h3#run-title', 'Run a profile'), form, running),
    h('section', { 'aria-labelledby': 'reports-title' }, h('div.panel-head', h('h3#reports-title', 'Reports'), compare),
      h('div.scroll', { tabindex: 0, role: 'region', 'aria-label': 'List of reports' }, h('table', h('thead', h('tr', h('th', { scope: 'col' }, 'Compare'), h('th', { scope: 'col' }, 'Name'), h('td'))), body))),
    shown)
  return { panel, show: () => list().then(look).catch(complain) }
}

// boot.js - the running boot: a bar of phases that grows, the medians of earlier boots below it, and
// a table of both.
import { get } from './api.js'
import { $, fill, h, setText } from './dom.js'
import { median, ms } from './format.js'
import { isBooting, store, up, watch } from './store.js'

let profiled = null // {name: at} of the last profile's first cell, for guests without an earlier boot
let table = null

// The phases of this boot up to ready, as `vm profile` names them.
function phasesNow() {
  const s = store.status
  if (!s) return []
  const list = [{ name: 'qemu', at: 0 }]
  if (s.ms.running) list.push({ name: 'firmware', at: s.ms.running })
  if (s.ms.first_byte) list.push({ name: 'first byte', at: s.ms.first_byte })
  for (const p of s.phases ?? []) {
    if (s.ms.ready && p.qemu_ms > s.ms.ready + 1) break
    list.push({ name: p.name, at: p.qemu_ms, kind: p.kind })
  }
  return list
}

// Medians of the earlier boots that became ready and had all phases of this boot.
export function usual(boots = store.boots, seen = store.status?.phases ?? []) {
  const running = boots.at(-1)?.exit === undefined
  const names = seen.filter(p => p.kind !== 'ready').map(p => p.name)
  const like = boots.slice(0, running ? -1 : undefined)
    .filter(b => b.ready && names.every(n => n === 'stopping' || b.phases.some(p => p.name === n)))
    .slice(-10)
  if (like.length === 0) return profiled
  const at = new Map()
  for (const b of like)
    for (const p of b.phases) at.set(p.name, [...at.get(p.name) ?? [], p.at])
  return {
    from: like.length === 1 ? 'the previous boot' : `the median of ${like.length} boots`,
    ready: median(like.map(b => b.ready)),
    phases: [...at].map(([name, list]) => ({ name, at: median(list) })).sort((a, b) => a.at - b.at),
  }
}

// A phase has the same colour in both bars, by its index among all known phases.
let order = []
const toneOf = name => Math.max(0, order.indexOf(name)) % 6

function segments(phases, end, span, ghost) {
  const width = $('boot-bar').clientWidth
  return phases.map((p, i) => {
    const next = phases[i + 1]?.at ?? end
    const share = Math.max(0, next - p.at) / span * 100
    const e = h('div.segment', { 'data-tone': toneOf(p.name), 'data-kind': p.kind }, !ghost && share * width / 100 > p.name.length * 7 + 18 ? h('span', p.name) : null)
    e.style.left = `${p.at / span * 100}%`
    e.style.width = `${share}%`
    return e
  })
}

function drawBar() {
  const s = store.status
  const bar = $('boot-bar')
  const phases = phasesNow()
  const use = usual()
  order = [...new Set([...phases, ...use?.phases ?? []].sort((a, b) => a.at - b.at).map(p => p.name))]
  const now = s?.ms.ready || Math.min(up(), s && isBooting() ? Infinity : phases.at(-1)?.at ?? 0)
  const span = Math.max(now, use?.ready ?? 0, 1) * 1.02
  const steps = [1, 2, 5].flatMap(x => [1e-1, 1, 10, 100, 1000, 10000].map(y => x * y * 100)).sort((a, b) => a - b)
  const step = steps.find(x => span / x <= 6) ?? span
  const ticks = []
  for (let t = 0; t <= span; t += step) {
    const tick = h('span.tick', t === 0 ? '0' : ms(t).replace(/\.?0+ s$/, ' s'))
    tick.style.left = `${t / span * 100}%`
    ticks.push(tick)
  }
  fill(bar,
    h('div.lane', segments(phases.filter(p => p.kind !== 'ready'), now, span)),
    h('div.lane.ghost', use && segments([{ name: 'firmware', at: 0 }, ...use.phases.filter(p => p.at > 0 && p.at < use.ready)], use.ready, span, true)),
    h('div.axis', ticks))
}

function drawText() {
  const s = store.status
  const use = usual()
  let text = 'Waiting for the container.'
  let eta = '\u00a0'
  if (s?.ms.ready) {
    text = `Ready after ${ms(s.ms.ready)}.`
    if (use) eta = `Usually ${ms(use.ready)} (${use.from}).`
  } else if (s && isBooting()) {
    text = `${s.phase === '-' || !s.phase ? 'Starting' : `Phase ${s.phase}`}, ${(up() / 1000).toFixed(1)} s so far.`
    if (use) {
      const left = use.ready - up()
      eta = left > 0 ? `About ${ms(left)} to go; usually ${ms(use.ready)} (${use.from}).`
        : `${ms(-left)} later than usual (${use.from}: ${ms(use.ready)}).`
    }
  } else if (s) text = `Stopped before ready: ${s.why}.`
  setText($('boot-text'), text)
  setText($('boot-eta'), eta)
}

function drawTable() {
  const phases = phasesNow()
  const at = new Map(usual()?.phases.map(p => [p.name, p.at]))
  for (const p of usual()?.phases ?? [])
    if (isBooting() && !phases.some(q => q.name === p.name)) phases.push({ name: p.name, at: NaN })
  fill(table, phases.map(p => {
    const u = at.get(p.name) ?? NaN
    const d = p.at - u
    const differs = Number.isFinite(d) && Math.abs(d) > Math.max(20, u * 0.1)
    return h('tr', { class: Number.isNaN(p.at) && 'coming' },
      h('th', { scope: 'row' }, p.name),
      h('td', ms(p.at)),
      h('td', ms(u)),
      h('td', { 'data-tone': differs ? d > 0 ? 'warn' : 'ok' : null },
        Number.isFinite(d) ? `${d < 0 ? '−' : '+'}${ms(Math.abs(d))}` : ''))
  }))
}

export function phaseTable() {
  table = h('tbody')
  return h('div.scroll', { tabindex: 0, role: 'region', 'aria-label': 'Phases of the boot' }, h('table.figures',
    h('thead', h('tr', ...['Phase', 'Begins', 'Usually', 'Differs'].map(t => h('th', { scope: 'col' }, t)))),
    table))
}

function draw() {
  drawBar()
  drawText()
  drawTable()
}

let ticking = false
function tick() {
  if (!isBooting()) { ticking = false; return draw() }
  drawBar()
  drawText()
  setTimeout(() => requestAnimationFrame(tick), 100)
}

export function startBoot() {
  watch('status boots connection', () => {
    draw()
    if (isBooting() && !ticking) { ticking = true; tick() }
  })
  new ResizeObserver(draw).observe($('boot-bar'))
}

// The last profile's medians, for a guest that has not booted here before.
export async function loadProfiled() {
  const list = await get('profile')
  const name = (list.profiles ?? list).map(p => p.name ?? p).sort().at(-1)
  if (!name) return
  const r = await get(`profile/${encodeURIComponent(name)}`)
  const cell = r[r.cells?.[0]]
  if (!cell?.statistics || r.run.guest !== store.status?.guest) return
  profiled = {
    from: `profile ${name}`,
    ready: cell.statistics.median_ms,
    phases: Object.entries(cell.phases).map(([n, p]) => ({ name: n.replace('first-byte', 'first byte'), at: p.at.median_ms }))
      .filter(p => Number.isFinite(p.at)).sort((a, b) => a.at - b.at),
  }
  draw()
}

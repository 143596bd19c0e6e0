// <brume-player src="articles/NAME/article.json">: an article to listen to, with its text.
const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];
const SLEEP_MINUTES = [5, 15, 30, 60];
const SKIP = 15;
const SAVE_EVERY = 5;

class BrumePlayer extends HTMLElement {
  static observedAttributes = ['src'];

  constructor() {
    super();
    this.attachShadow({ mode: 'open' }).adoptedStyleSheets = [SHEET];
    this.audio = make('audio', { preload: 'metadata' });
    this.audio.preservesPitch = true;
    this.timer = null;
    this.asleep = false;
    this.sleepAtChapter = false;
    for (const [event, act] of Object.entries({
      play: () => this.state(), pause: () => { this.state(); this.remember(); }, ended: () => this.finish(),
      timeupdate: () => this.progress(), loadedmetadata: () => this.progress(), seeked: () => this.progress(),
      error: () => this.announce(this.words.failed, true),
    })) this.audio.addEventListener(event, act);
    this.addEventListener('keydown', (event) => this.key(event));
    addEventListener('pagehide', () => this.remember());
  }

  connectedCallback() {
    this.open();
  }

  disconnectedCallback() {
    this.audio.pause();
    clearTimeout(this.timer);
  }

  attributeChangedCallback() {
    if (this.isConnected) this.open();
  }

  // Loads what `src` names; resolves once it can be played.
  async open() {
    const address = this.getAttribute('src');
    if (!address || address === this.opened) return this.ready;
    this.remember();
    this.opened = address;
    this.ready = this.load(new URL(address, document.baseURI));
    return this.ready;
  }

  async load(address) {
    this.words = wordsOf(document.documentElement.lang);
    try {
      const about = await read(address);
      const marks = await read(new URL(about.marks, address));
      if (this.opened !== this.getAttribute('src')) return;
      this.place = address.href.split(/[?#]/)[0];
      this.about = about;
      this.words = wordsOf(about.language);
      this.draw(about, marks, address);
      const kind = about.audio.find((one) => this.audio.canPlayType(one.type)) ?? about.audio[0];
      this.audio.src = new URL(kind.src, address).href;
      this.audio.playbackRate = this.speed.value = memory.get('speed') ?? 1;
      const kept = memory.get(this.place);
      if (kept?.version === about.version && kept.seconds < about.seconds - 1) this.seek(kept.seconds);
      this.session(address);
      this.progress();
    } catch (error) {
      this.shadowRoot.replaceChildren(make('slot'), this.status = make('p', { className: 'status shown', role: 'status' }));
      this.announce(`${this.words.failed} ${error.message}`, true);
    }
  }

  draw(about, marks, address) {
    const { words } = this;
    this.lang = about.language;
    this.transcript = new Transcript(marks, (seconds) => { this.seek(seconds); this.audio.play(); });
    this.transcript.element.lang = about.language;
    this.transcript.element.ariaLabel = words.transcript;
    this.toggle = make('button', { className: 'play', type: 'button', onclick: () => this.playOrPause() }, words.play);
    this.position = make('input', {
      type: 'range', className: 'position', min: 0, max: about.seconds, step: 'any', value: 0,
      oninput: () => this.seek(Number(this.position.value)), aria: { label: words.position },
    });
    this.time = make('span', { className: 'time', aria: { hidden: 'true' } });
    this.speed = make('select', { onchange: () => this.setSpeed(Number(this.speed.value)) },
      ...SPEEDS.map((one) => make('option', { value: one, selected: one === 1 }, `${one}×`)));
    this.sleep = make('select', { onchange: () => this.setSleep(this.sleep.value) },
      make('option', { value: '' }, words.off),
      ...SLEEP_MINUTES.map((one) => make('option', { value: one }, words.minutes(one))),
      make('option', { value: 'chapter' }, words.end));
    this.status = make('p', { className: 'status', role: 'status' });
    this.chapters = about.chapters.map((one) => make('button', {
      type: 'button', onclick: () => { this.seek(one.startTime); this.audio.play(); },
    }, `${clock(one.startTime)} ${one.title}`));
    const button = (label, seconds, sign) => make('button', {
      type: 'button', onclick: () => this.seek(this.audio.currentTime + seconds), aria: { label }, title: label,
    }, sign);
    const parts = [
      make('div', { className: 'bar' },
        this.toggle, button(words.back, -SKIP, '−15 s'), button(words.forward, SKIP, '+15 s'), this.position,
        this.time, make('label', {}, words.speed, this.speed), make('label', {}, words.sleep, this.sleep)),
      this.status,
    ];
    if (this.chapters.length > 1) {
      parts.push(make('details', { className: 'chapters' }, make('summary', {}, words.chapters),
        make('ol', {}, ...this.chapters.map((one) => make('li', {}, one)))));
    }
    parts.push(make('details', { open: true }, make('summary', {}, words.transcript), this.transcript.element));
    const name = `${words.player}: ${about.title}`;
    this.shadowRoot.replaceChildren(make('section', { className: 'player', aria: { label: name } }, ...parts));
    this.state();
  }

  playOrPause() {
    if (this.audio.paused) this.play();
    else this.audio.pause();
  }

  async play() {
    await this.ready;
    return this.audio.play();
  }

  seek(seconds) {
    const most = this.about?.seconds ?? Infinity;
    this.audio.currentTime = Math.min(Math.max(seconds, 0), most);
    this.progress();
  }

  setSpeed(speed) {
    this.audio.playbackRate = speed;
    this.speed.value = speed;
    memory.set('speed', speed);
    this.progress();
  }

  setSleep(choice) {
    clearTimeout(this.timer);
    this.sleepAtChapter = choice === 'chapter';
    this.chapterAt = this.chapter();
    if (Number(choice)) this.timer = setTimeout(() => this.fallAsleep(), Number(choice) * 60000);
  }

  fallAsleep() {
    this.asleep = true;
    this.audio.pause();
    this.sleep.value = '';
    this.sleepAtChapter = false;
    this.state();
  }

  chapter() {
    return lastUpTo(this.about.chapters.map((one) => one.startTime), this.audio.currentTime);
  }

  // Follows the sound: on every frame while it plays, and when its place changes.
  follow() {
    this.transcript.show(this.audio.currentTime, true);
    if (!this.audio.paused && this.isConnected) requestAnimationFrame(() => this.follow());
  }

  progress() {
    if (!this.transcript) return;
    const seconds = this.audio.currentTime;
    this.transcript.show(seconds, !this.audio.paused);
    this.position.value = seconds;
    this.position.setAttribute('aria-valuetext', spokenTime(seconds, this.words));
    this.time.textContent = `${clock(seconds)} / ${clock(this.about.seconds)}`;
    const chapter = this.chapter();
    this.chapters.forEach((one, at) => {
      if (at === chapter) one.setAttribute('aria-current', 'true');
      else one.removeAttribute('aria-current');
    });
    if (this.sleepAtChapter && chapter > this.chapterAt) this.fallAsleep();
    if (!this.audio.paused && Math.abs(seconds - (this.saved ?? -SAVE_EVERY)) >= SAVE_EVERY) this.remember();
    this.reportSession();
  }

  remember() {
    if (!this.about || !this.place) return;
    this.saved = this.audio.currentTime;
    const { version } = this.about;
    memory.set(this.place, this.saved > 1 && !this.audio.ended ? { version, seconds: this.saved } : null);
  }

  finish() {
    this.state();
    memory.set(this.place, null);
    this.dispatchEvent(new CustomEvent('brume-ended', { bubbles: true }));
  }

  state() {
    if (!this.toggle) return;
    const playing = !this.audio.paused && !this.audio.ended;
    this.toggle.textContent = playing ? this.words.pause : this.words.play;
    if (playing) this.asleep = false;
    this.announce(this.asleep ? this.words.slept : playing ? this.words.playing : this.words.paused, this.asleep);
    if (playing) {
      document.querySelectorAll('brume-player').forEach((one) => { if (one !== this) one.audio.pause(); });
      this.follow();
    }
    if ('mediaSession' in navigator) navigator.mediaSession.playbackState = playing ? 'playing' : 'paused';
  }

  announce(text, shown = false) {
    if (!this.status) return;
    this.status.textContent = text;
    this.status.classList.toggle('shown', shown);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const from = event.composedPath()[0];
    const own = /^(INPUT|SELECT)$/.test(from.tagName);
    const pressed = /^(BUTTON|SUMMARY)$/.test(from.tagName) && event.key === ' ';
    const at = SPEEDS.indexOf(this.audio.playbackRate);
    const act = {
      ' ': () => this.playOrPause(), k: () => this.playOrPause(),
      j: () => this.seek(this.audio.currentTime - SKIP), l: () => this.seek(this.audio.currentTime + SKIP),
      ArrowLeft: () => this.seek(this.audio.currentTime - SKIP),
      ArrowRight: () => this.seek(this.audio.currentTime + SKIP),
      '<': () => this.setSpeed(SPEEDS[Math.max(at - 1, 0)]),
      '>': () => this.setSpeed(SPEEDS[Math.min(at + 1, SPEEDS.length - 1)]),
    }[event.key];
    if (!act || own || pressed || !this.transcript) return;
    event.preventDefault();
    act();
  }

  // The keys of a keyboard, a headset and a locked screen.
  session(address) {
    if (!('mediaSession' in navigator)) return;
    this.audio.addEventListener('play', () => {
      const { about } = this;
      navigator.mediaSession.metadata = new MediaMetadata({
        title: about.title, artist: about.author || about.site, album: about.site,
        artwork: [{ src: new URL(about.cover, address).href, type: 'image/jpeg' }],
      });
      const near = (step) => {
        const found = about.chapters[this.chapter() + step];
        if (found) this.seek(found.startTime);
      };
      const acts = {
        play: () => this.audio.play(), pause: () => this.audio.pause(),
        seekbackward: () => this.seek(this.audio.currentTime - SKIP),
        seekforward: () => this.seek(this.audio.currentTime + SKIP),
        seekto: (detail) => this.seek(detail.seekTime),
        previoustrack: () => near(-1), nexttrack: () => near(1),
      };
      for (const [name, act] of Object.entries(acts)) navigator.mediaSession.setActionHandler(name, act);
    }, { once: true });
  }

  reportSession() {
    if (!('mediaSession' in navigator) || this.audio.paused || !this.about) return;
    navigator.mediaSession.setPositionState({
      duration: this.about.seconds, playbackRate: this.audio.playbackRate,
      position: Math.min(this.audio.currentTime, this.about.seconds),
    });
  }
}

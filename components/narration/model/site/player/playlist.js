// <brume-playlist src="site.json">: the articles of a site by section, and a list of one's own.
class BrumePlaylist extends HTMLElement {
  constructor() {
    super();
    this.attachShadow({ mode: 'open' }).adoptedStyleSheets = [SHEET];
    this.player = document.createElement('brume-player');
    this.player.hidden = true;
    this.player.addEventListener('brume-ended', () => this.step());
  }

  async connectedCallback() {
    this.words = wordsOf(document.documentElement.lang);
    const address = new URL(this.getAttribute('src'), document.baseURI);
    try {
      this.site = await read(address);
    } catch (error) {
      this.shadowRoot.replaceChildren(make('p', { className: 'status shown' }, error.message));
      return;
    }
    this.articles = this.site.articles.map((one) => ({ ...one, source: new URL(one.source, address).href,
      page: new URL(one.page, address).href }));
    const sections = [...new Set(this.articles.map((one) => one.section).filter(Boolean))].sort();
    this.choice = make('select', { onchange: () => this.draw() },
      make('option', { value: '' }, this.words.all), make('option', { value: '*' }, this.words.mine),
      ...sections.map((one) => make('option', { value: `=${one}` }, one)));
    this.list = make('ol', { className: 'list' });
    this.shadowRoot.replaceChildren(
      make('div', { className: 'filters' }, make('label', {}, this.words.section, this.choice)), this.player, this.list);
    this.draw();
  }

  get later() {
    return memory.get('later') ?? [];
  }

  // The articles that are shown; one's own list is in the order in which it was made.
  get shown() {
    const { value } = this.choice;
    if (value === '*') {
      return this.later.map((name) => this.articles.find((one) => one.name === name)).filter(Boolean);
    }
    return value ? this.articles.filter((one) => `=${one.section}` === value) : this.articles;
  }

  draw() {
    const { words } = this;
    const later = this.later;
    this.list.replaceChildren(...this.shown.map((one) => {
      const kept = later.includes(one.name);
      const about = [one.section, one.date.slice(0, 10), spokenTime(one.seconds, words)].filter(Boolean).join(' · ');
      return make('li', { className: one.name === this.now ? 'now' : '' },
        make('button', { type: 'button', className: 'play', onclick: () => this.play(one),
          aria: { label: `${words.play}: ${one.title}` } }, words.play),
        make('span', { className: 'about', lang: one.language }, make('a', { href: one.page }, one.title),
          make('span', {}, about)),
        make('button', { type: 'button', onclick: () => this.keep(one, !kept),
          aria: { pressed: String(kept), label: `${kept ? words.earlier : words.later}: ${one.title}` } },
        kept ? words.earlier : words.later));
    }));
    if (!this.shown.length) this.list.append(make('li', {}, words.empty));
  }

  keep(one, kept) {
    const others = this.later.filter((name) => name !== one.name);
    memory.set('later', kept ? [...others, one.name] : others);
    this.draw();
  }

  async play(one) {
    this.queue = this.shown;
    this.now = one.name;
    this.player.hidden = false;
    this.player.setAttribute('src', one.source);
    this.draw();
    await this.player.play();
  }

  // Goes on with the next article of the list that is played.
  step() {
    const next = this.queue[this.queue.findIndex((one) => one.name === this.now) + 1];
    if (next) this.play(next);
  }
}

customElements.define('brume-player', BrumePlayer);
customElements.define('brume-playlist', BrumePlaylist);

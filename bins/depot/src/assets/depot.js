// The online transfer: carries files between the license runtime of this computer and the portal.
// Everything it does can also be done with files, without this script.
"use strict";

(() => {
  const TIMEOUT = { greeting: 4000, consent: 130000, answer: 60000 };

  const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  class Trouble extends Error {
    constructor(shown) {
      super(shown.title || shown.message || "");
      this.shown = shown;
    }
  }

  // What the browser says about reaching this computer: granted, prompt, denied, or unknown.
  async function permission() {
    if (!navigator.permissions) return "unknown";
    for (const name of ["loopback-network", "local-network-access"]) {
      try {
        return (await navigator.permissions.query({ name })).state;
      } catch {
        // This browser does not know the name; try the older one.
      }
    }
    return "unknown";
  }

  // A connection to the license runtime: one request at a time, answers in order.
  class Agent {
    static async connect(ports, grant) {
      for (const port of ports) {
        const agent = await Agent.open(port, grant);
        if (agent) return agent;
      }
      return null;
    }

    static open(port, grant) {
      return new Promise((resolve) => {
        let socket;
        try {
          socket = new WebSocket(`ws://127.0.0.1:${port}/agent/v1?grant=${encodeURIComponent(grant)}`);
        } catch {
          resolve(null);
          return;
        }
        const late = setTimeout(() => { socket.close(); resolve(null); }, TIMEOUT.greeting);
        socket.onerror = () => { clearTimeout(late); resolve(null); };
        socket.onmessage = (event) => {
          clearTimeout(late);
          let greeting;
          try { greeting = JSON.parse(event.data); } catch { greeting = {}; }
          if (greeting.agent === "open-license" && greeting.protocol === 1) resolve(new Agent(socket, greeting));
          else { socket.close(); resolve(null); }
        };
      });
    }

    constructor(socket, greeting) {
      this.socket = socket;
      this.session = greeting.session;
      this.consent = greeting.consent;
      this.firm = greeting.firm_code;
      this.id = 0;
      this.open = true;
      this.waiting = null;
      socket.onmessage = (event) => {
        const answer = JSON.parse(event.data);
        if (this.waiting && (answer.id === this.id || answer.id === null)) this.waiting(answer);
      };
      socket.onclose = () => {
        this.open = false;
        if (this.waiting) this.waiting({ error: { code: "runtime_unreachable" } });
      };
    }

    async ask(verb, fields = {}, patience = TIMEOUT.answer) {
      if (!this.open) throw new Trouble({ code: "runtime_unreachable" });
      this.id += 1;
      const answered = new Promise((resolve) => { this.waiting = resolve; });
      this.socket.send(JSON.stringify({ session: this.session, id: this.id, verb, ...fields }));
      const answer = await Promise.race([answered, wait(patience).then(() => ({ error: { code: "runtime_unreachable" } }))]);
      this.waiting = null;
      if (answer.error) throw new Trouble(answer.error);
      return answer.ok;
    }

    close() {
      this.socket.onclose = null;
      this.socket.close();
    }
  }

  // Whether a listed container may be the one of a transfer.
  const suits = (container, kind, serial) =>
    (kind === "any" || !kind || container.kind === kind) && (!serial || container.serial === serial);

  // --- the panel in which a container is chosen ---------------------------------------------------------------
  function panel(root) {
    const text = (name) => root.dataset[`t${name[0].toUpperCase()}${name.slice(1)}`] || "";
    const state = root.querySelector("[data-agent-state]");
    const choice = root.querySelector("[data-agent-choice]");
    const select = choice.querySelector("select");
    const buttons = root.querySelector("[data-agent-buttons]");
    const connect = root.querySelector("[data-agent-connect]");
    const rescan = root.querySelector("[data-agent-rescan]");
    const go = document.querySelector("[data-agent-go]");
    const { grant, kind, serial, wish } = root.dataset;
    const ports = root.dataset.ports.split(" ").filter(Boolean);
    let agent = null;

    const say = (name) => {
      state.textContent = text(name);
      root.dataset.state = name;
      ready(name === "ready");
    };
    const navigate = document.querySelector("[data-agent-navigate]");
    const offline = document.querySelector("[data-offline]");
    const ready = (yes) => {
      if (!go) return;
      go.disabled = !yes;
      // Without a connection the other ways come to the front by themselves.
      const lost = ["absent", "denied"].includes(root.dataset.state);
      go.hidden = lost;
      if (navigate) navigate.hidden = !lost;
      if (offline) offline.className = lost ? "main" : "second";
      choice.hidden = !yes || Boolean(serial);
    };

    function fill(containers) {
      select.replaceChildren();
      const add = (value, label) => {
        const option = document.createElement("option");
        option.value = value;
        option.textContent = label;
        select.append(option);
      };
      for (const container of containers.filter((one) => suits(one, kind, serial))) {
        const name = container.kind === "act" ? text("act") : text("dongle");
        add(container.container, `${name} ${container.serial || text("unnamed")}`);
      }
      const fresh = wish === "restore" || ((wish === "activate" || wish === "reactivate") && kind === "act");
      if (fresh) add("new", text("new"));
      if (wish === "restore") select.value = "new";
      return select.options.length > 0;
    }

    async function look() {
      buttons.hidden = true;
      say("looking");
      if (agent) agent.close();
      agent = await Agent.connect(ports, grant);
      buttons.hidden = false;
      connect.hidden = true;
      rescan.hidden = false;
      if (!agent) {
        say((await permission()) === "denied" ? "denied" : "absent");
        return;
      }
      try {
        if (agent.consent !== "granted") {
          say("consent");
          await agent.ask("consent", {}, TIMEOUT.consent);
        }
        const { containers } = await agent.ask("list");
        say(fill(containers) ? "ready" : serial ? "other" : "none");
      } catch (trouble) {
        say(trouble.shown && trouble.shown.code === "agent_consent_refused" ? "refused" : "absent");
      }
      agent.close();
    }

    connect.addEventListener("click", look);
    rescan.addEventListener("click", look);
    buttons.hidden = false;
    ready(false);
    // A page of this computer reaches it without being asked.
    const here = ["127.0.0.1", "localhost", "[::1]"].includes(window.location.hostname);
    permission().then((now) => {
      if (here || now === "granted") look();
      else if (now === "denied") { say("denied"); connect.hidden = true; rescan.hidden = false; }
      else if (now === "prompt") say("ask");
      // Browsers without this permission just look.
      else look();
    });
  }

  // --- the transfer ---------------------------------------------------------------------------------------------
  function transfer(root) {
    const { id, csrf, grant, kind, serial } = root.dataset;
    const ports = root.dataset.ports.split(" ").filter(Boolean);
    const bar = root.querySelector("[data-progress]");
    const announce = root.querySelector("[data-announce]");
    const waiting = root.querySelector("[data-waiting]");
    const trouble = document.querySelector("[data-trouble]");
    const again = document.querySelector("[data-again]");
    const phases = [...root.querySelectorAll("[data-phase]")];
    const memory = `transfer-${id}`;
    let now = 0;

    function phase(number) {
      now = number;
      phases.forEach((item, at) => {
        item.className = at + 1 < number ? "done" : at + 1 === number ? "now" : "";
        if (at + 1 === number) item.setAttribute("aria-current", "step");
        else item.removeAttribute("aria-current");
      });
      bar.value = Math.max(0, number - 1);
      if (phases[number - 1]) announce.textContent = `${root.dataset.tPhase} ${number}/8: ${phases[number - 1].textContent}`;
    }

    async function portal(what, fields) {
      let answer;
      try {
        answer = await fetch(`/transfers/${id}/online/${what}`, {
          method: "POST",
          headers: { "content-type": "application/json", accept: "application/json" },
          body: JSON.stringify({ csrf, ...fields }),
        });
      } catch {
        throw new Trouble({ code: "server_unreachable", title: root.dataset.tFailed });
      }
      const body = await answer.json();
      if (!answer.ok) throw new Trouble(body.shown || body);
      return body;
    }

    function show(shown) {
      waiting.hidden = true;
      if (phases[now - 1]) phases[now - 1].className = "failed";
      const box = document.createElement("section");
      box.className = "notice notice-bad";
      box.setAttribute("role", "alert");
      box.dataset.code = shown.code || "";
      const title = document.createElement("h2");
      title.textContent = shown.title || shown.message || root.dataset.tFailed;
      const list = document.createElement("dl");
      for (const [label, words] of [[root.dataset.tWhy, shown.rule], [root.dataset.tTodo, shown.remedy]]) {
        if (!words) continue;
        const term = document.createElement("dt");
        const text = document.createElement("dd");
        term.textContent = label;
        text.textContent = words;
        list.append(term, text);
      }
      box.append(title, list);
      trouble.replaceChildren(box);
      trouble.hidden = false;
      again.hidden = false;
      root.dataset.state = "failed";
      trouble.focus();
    }

    // The runtime says its words in English; the portal knows them in the visitor's language.
    async function explained(shown) {
      if (!shown.code || shown.title) return shown;
      try {
        const answer = await fetch(`/problems/${encodeURIComponent(shown.code)}`, { headers: { accept: "application/json" } });
        if (answer.ok) return { ...(await answer.json()).shown, code: shown.code };
      } catch {
        // The words of the runtime will do.
      }
      return shown;
    }

    async function run() {
      trouble.hidden = true;
      again.hidden = true;
      waiting.hidden = false;
      root.dataset.state = "running";
      phase(1);
      const agent = await Agent.connect(ports, grant);
      if (!agent) throw new Trouble({ code: "runtime_unreachable", title: root.dataset.tUnreachable });
      try {
        if (agent.consent !== "granted") {
          announce.textContent = root.dataset.tConsent;
          await agent.ask("consent", {}, TIMEOUT.consent);
        }
        let container = sessionStorage.getItem(memory) || root.dataset.chosen;
        const { containers } = await agent.ask("list");
        if (serial) {
          const named = containers.find((one) => one.serial === serial);
          if (!named) throw new Trouble({ code: "container_not_found", title: root.dataset.tOther });
          container = named.container;
        }
        if (!container) {
          const fitting = containers.filter((one) => suits(one, kind, serial));
          if (fitting.length !== 1) throw new Trouble({ code: "container_not_found", title: root.dataset.tFailed });
          container = fitting[0].container;
        }
        if (container === "new") {
          phase(2);
          const { template } = await portal("template", {});
          phase(3);
          container = (await agent.ask("register_template", { template })).container;
          // A reload goes on with this one instead of making another.
          sessionStorage.setItem(memory, container);
        }
        phase(4);
        const { context } = await agent.ask("create_context", { container });
        phase(5);
        const { update, steps, problem } = await portal("request", { context });
        let done = !update || steps === 0;
        if (!done) {
          phase(6);
          await agent.ask("import_update", { container, update });
          phase(7);
          const receipt = await agent.ask("receipt", { container });
          phase(8);
          done = (await portal("receipt", { context: receipt.context })).done;
        }
        phase(9);
        bar.value = 8;
        sessionStorage.removeItem(memory);
        if (problem) {
          // The vendor's part has arrived; what the visitor wanted was refused.
          now = 5;
          show(problem);
          return;
        }
        root.dataset.state = "done";
        window.location.assign(`/transfers/${id}/${done ? "result" : "receipt"}`);
      } finally {
        agent.close();
      }
    }

    const start = () => run().catch(async (error) => show(await explained(error.shown || { title: root.dataset.tFailed })));
    again.addEventListener("click", start);
    if (grant) start();
  }

  // --- small comforts -------------------------------------------------------------------------------------------
  function drop(root) {
    const input = root.querySelector("input[type=file]");
    root.addEventListener("dragover", (event) => { event.preventDefault(); root.classList.add("over"); });
    root.addEventListener("dragleave", () => root.classList.remove("over"));
    root.addEventListener("drop", (event) => {
      event.preventDefault();
      root.classList.remove("over");
      if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
    });
  }

  document.querySelectorAll("[data-agent]").forEach(panel);
  document.querySelectorAll("[data-online]").forEach(transfer);
  document.querySelectorAll("[data-drop]").forEach(drop);
  document.querySelectorAll("[data-print]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  });
})();

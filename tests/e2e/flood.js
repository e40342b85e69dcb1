// A socket that floods the page: window.flood(rate) has so many changes a second told from then on, in frames four times a second.
(() => {
  let socket = null;
  let version = 1_000_000;
  let made = 0;
  const known = [];

  class Flood extends EventTarget {
    static CONNECTING = 0;
    static OPEN = 1;
    static CLOSING = 2;
    static CLOSED = 3;
    readyState = 0;
    bufferedAmount = 0;
    binaryType = "blob";

    constructor(url) {
      super();
      this.url = url;
      socket = this;
      setTimeout(() => {
        this.readyState = 1;
        this.dispatchEvent(new Event("open"));
      });
    }

    send(text) {
      const { action } = JSON.parse(text);
      if (action === "subscribe") setTimeout(() => this.tell({ type: "Subscribed", event_id: "1-0" }));
      if (action === "ping") setTimeout(() => this.tell({ type: "Pong" }));
    }

    close() {
      this.readyState = 3;
    }

    tell(frame) {
      this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(frame) }));
    }
  }
  window.WebSocket = Flood;

  function id(ms, n) {
    const time = ms.toString(16).padStart(12, "0");
    return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${n.toString(16).padStart(12, "0")}`;
  }

  function job(jobId, status, at) {
    version += 1;
    return {
      id: jobId, job_type: "echo", payload: { n: version }, status, result: status === "COMPLETED" ? { n: version } : null,
      created_at: at, started_at: status === "QUEUED" ? null : at, finished_at: status === "COMPLETED" ? at : null,
      worker_id: null, queue: "default", priority: 0, run_at: at, attempt: 1, max_attempts: 3, version, error: null,
      progress: null, tags: [], timeout_seconds: 30,
    };
  }

  // Of each change a third is a new job; the others move jobs that are known.
  window.flood = (rate, old = []) => {
    known.push(...old);
    const timer = setInterval(() => {
      const at = new Date().toISOString();
      const data = Array.from({ length: Math.round(rate / 4) }, (_, n) => {
        if (n % 3 === 0 || known.length === 0) {
          made += 1;
          const fresh = id(Date.now(), made);
          known.push(fresh);
          return job(fresh, "QUEUED", at);
        }
        return job(known[Math.floor(Math.random() * known.length)], n % 3 === 1 ? "RUNNING" : "COMPLETED", at);
      });
      socket.tell({ type: "JobStatusUpdates", data, event_id: `${Date.now()}-0` });
    }, 250);
    return () => clearInterval(timer);
  };

  // Frames in each of so many seconds.
  window.framesIn = (seconds) => new Promise((resolve) => {
    const counts = [];
    let count = 0;
    let since = performance.now();
    const step = (now) => {
      count += 1;
      if (now - since >= 1000) {
        counts.push((count * 1000) / (now - since));
        count = 0;
        since = now;
      }
      if (counts.length < seconds) requestAnimationFrame(step);
      else resolve(counts);
    };
    requestAnimationFrame(step);
  });
})();

/** The names and the address that driver and worker share. */
const url = new URL(process.env.REDIS_URL);

export const connection = { host: url.hostname, port: Number(url.port), maxRetriesPerRequest: null };
export const QUEUE = "bench";

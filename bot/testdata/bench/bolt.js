// The peer of the benchmarks: a @slack/bolt app that acknowledges everything and does nothing else.
const { App, LogLevel } = require('@slack/bolt');

const app = new App({
  socketMode: true,
  token: process.env.SLACK_BOT_TOKEN,
  appToken: process.env.SLACK_APP_TOKEN,
  logLevel: LogLevel.WARN,
  clientOptions: { slackApiUrl: process.env.SLACK_API_URL },
});

app.action(/.*/, async ({ ack }) => { await ack(); });
app.command('/ecs', async ({ ack }) => { await ack(); });

app.start().catch((error) => {
  console.error(`start failed: ${error.message}`);
  process.exit(1);
});

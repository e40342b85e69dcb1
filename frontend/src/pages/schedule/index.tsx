import "../../styles/forms.css";
import "../../styles/schedule.css";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Icon } from "../../components/Icon";
import { Menu } from "../../components/Menu";
import { Page } from "../../components/Page";
import { ReadState } from "../../components/states";
import { useMay } from "../../queries";
import { PREVIEWED, useNextTimes, useRuns, useSchedule } from "../../schedulequeries";
import { isDeclared, type Schedule } from "../../schedules";
import { ScheduleDialog, useResume, type Asked } from "../schedules/ScheduleDialogs";
import { StateBadge } from "../schedules/StateBadge";
import { BackfillDialog } from "./BackfillDialog";
import { Declared } from "./Declared";
import { Facts } from "./Facts";
import { NextTimes } from "./NextTimes";
import { NoSuchSchedule } from "./NoSuchSchedule";
import { Runs } from "./Runs";

const route = getRouteApi("/schedules/$name");
const SCHEDULES = { to: "/schedules", name: "Schedules" } as const;

export function SchedulePage() {
  const { name } = route.useParams();
  const query = useSchedule(name);
  const may = useMay("operator") === true;
  const found = query.data;
  return (
    <Page
      key={name}
      title={name}
      back={SCHEDULES}
      reads={[query]}
      about={found && <StateBadge state={found.schedule.state} />}
      actions={may && found && <Actions schedule={found.schedule} />}
    >
      <ReadState query={query} what="The schedule">
        {(read) => (read === null ? <NoSuchSchedule name={name} /> : <Body schedule={read.schedule} payload={read.payload} />)}
      </ReadState>
    </Page>
  );
}

function Actions({ schedule }: { readonly schedule: Schedule }) {
  const { name, paused } = schedule;
  const [asked, setAsked] = useState<Asked | "backfill" | null>(null);
  const { resume, isPending } = useResume(name);
  const navigate = useNavigate();
  const close = () => { setAsked(null); };
  return (
    <>
      <button type="button" className="button" data-testid="run-now" onClick={() => { setAsked("run"); }}>
        <Icon name="play" />
        Run now
      </button>
      {paused ? (
        <button type="button" className="button" data-testid="resume" disabled={isPending} onClick={resume}>
          <Icon name="retry" />
          Resume
        </button>
      ) : (
        <button type="button" className="button" data-testid="pause" onClick={() => { setAsked("pause"); }}>
          <Icon name="pause" />
          Pause
        </button>
      )}
      {!isDeclared(schedule) && (
        <a className="button" data-testid="edit-schedule" href={`#/schedules/${encodeURIComponent(name)}/edit`}>
          <Icon name="edit" />
          Edit
        </a>
      )}
      <Menu label="More" testId="schedule-more">
        <button type="button" className="menu-item" data-testid="backfill" onClick={() => { setAsked("backfill"); }}>
          <Icon name="stack" />
          Backfill…
        </button>
        {!isDeclared(schedule) && (
          <button type="button" className="menu-item" data-tone="bad" data-testid="remove-schedule" onClick={() => { setAsked("delete"); }}>
            <Icon name="trash" />
            Remove…
          </button>
        )}
      </Menu>
      {asked === "backfill" && <BackfillDialog schedule={schedule} onClose={close} />}
      {asked !== null && asked !== "backfill" && (
        <ScheduleDialog name={name} asked={asked} onClose={close} onDone={() => void navigate({ to: "/schedules" })} />
      )}
    </>
  );
}

interface BodyProps {
  readonly schedule: Schedule;
  readonly payload: string;
}

function Body({ schedule, payload }: BodyProps) {
  const runs = useRuns(schedule.name);
  const next = useNextTimes(schedule);
  return (
    <div className="page-body">
      {isDeclared(schedule) && <Declared schedule={schedule} />}
      {schedule.paused && (
        <p className="notice" data-testid="paused-note">
          Paused{schedule.paused_by && ` by ${schedule.paused_by}`}
          {schedule.paused_note ? `: ${schedule.paused_note}` : ". No note says why."}
        </p>
      )}
      <div className="halves">
        <div className="grid gap-4">
          <Facts schedule={schedule} payload={payload} />
          <Runs query={runs} />
        </div>
        <section className="box" aria-label="Next times">
          <h2 className="box-head">{schedule.paused ? "Next times, if it were not paused" : "Next times"}</h2>
          <div className="box-body">
            <ReadState query={next} what="The next times">
              {(times) => <NextTimes times={times} zone={schedule.timezone} asked={PREVIEWED} />}
            </ReadState>
          </div>
        </section>
      </div>
    </div>
  );
}

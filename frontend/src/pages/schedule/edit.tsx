import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Page } from "../../components/Page";
import { OnlyFor, ReadState } from "../../components/states";
import { useJobTypes } from "../../queries";
import { emptyFields, fieldsOf } from "../../scheduleform";
import { useSchedule } from "../../schedulequeries";
import { isDeclared, type Schedule } from "../../schedules";
import { readerZone } from "../../zones";
import { Declared } from "./Declared";
import { NoSuchSchedule } from "./NoSuchSchedule";
import { ScheduleForm } from "./ScheduleForm";

const route = getRouteApi("/schedules/$name/edit");
const SCHEDULES = { to: "/schedules", name: "Schedules" } as const;

export function NewSchedulePage() {
  const jobTypes = useJobTypes();
  const saved = useOpen();
  return (
    <Page title="New schedule" back={SCHEDULES}>
      <OnlyFor needs="operator">
        <ReadState query={jobTypes} what="The job types">
          {(known) => <ScheduleForm jobTypes={known} known={null} fields={emptyFields(readerZone())} onSaved={saved} />}
        </ReadState>
      </OnlyFor>
    </Page>
  );
}

export function EditSchedulePage() {
  const { name } = route.useParams();
  const jobTypes = useJobTypes();
  const query = useSchedule(name, false);
  const saved = useOpen();
  return (
    <Page title={`Edit ${name}`} back={SCHEDULES}>
      <OnlyFor needs="operator">
        <ReadState query={query} what="The schedule">
          {(found) => {
            if (found === null) return <NoSuchSchedule name={name} />;
            if (isDeclared(found.schedule)) return <div className="page-body"><Declared schedule={found.schedule} /></div>;
            return (
              <ReadState query={jobTypes} what="The job types">
                {(known) => (
                  <ScheduleForm
                    key={name}
                    jobTypes={known}
                    known={found.schedule}
                    fields={fieldsOf(found.schedule, found.payload)}
                    onSaved={saved}
                  />
                )}
              </ReadState>
            );
          }}
        </ReadState>
      </OnlyFor>
    </Page>
  );
}

function useOpen(): (schedule: Schedule) => void {
  const navigate = useNavigate();
  return ({ name }) => void navigate({ to: "/schedules/$name", params: { name } });
}

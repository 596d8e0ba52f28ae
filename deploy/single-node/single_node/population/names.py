"""The names Londoners carry, by the origin of the name: forenames, family names and the custom that passes them on.

Only data is here, most frequent first, because frequencies fall off along each list. How a name is drawn from it is in
`naming`. The label is the origin of the *name*, never a claim about
a person: it exists so that the quality of matching can be reported community by community.
"""

from dataclasses import dataclass
from typing import Literal

Custom = Literal["shared", "gendered", "grandfather", "father", "singh-kaur", "honorific", "two-surnames", "vietnamese"]


@dataclass(frozen=True)
class Origin:
    """One origin: its share of residents, its names and how a family hands them on."""

    label: str
    share: int
    custom: Custom
    female: tuple[str, ...]
    male: tuple[str, ...]
    family: tuple[str, ...]
    spouses_share: float = 0.6
    language: str | None = None
    western: tuple[str, ...] = ()


def words(text: str) -> tuple[str, ...]:
    """Split a run of names at blanks; an underscore is a blank inside one name."""
    return tuple(word.replace("_", " ") for word in text.split())


WESTERN = words("Amy Kevin Jenny Jason Grace Eric Vivian Tony Angela Raymond Michelle Ivan Cindy Alan Sophie Henry")

ORIGINS: tuple[Origin, ...] = (
    Origin(
        "english",
        26,
        "shared",
        words("""Emma Sarah Charlotte Margaret Susan Elizabeth Alice Jane Katherine Lucy Olivia Amelia Hannah Rebecca
        Victoria Patricia Linda Barbara Christine Helen Jessica Emily Sophie Georgia Harriet Imogen Phoebe Rosemary Joan
        Dorothy Beatrice Florence Penelope Rachel Claire Nicola Tracey Deborah Karen Gillian Eleanor Matilda Daisy"""),
        words("""James John David Michael Robert William Thomas Richard Christopher Andrew Stephen George Daniel Paul
        Matthew Peter Edward Benjamin Samuel Joseph Henry Charles Nicholas Simon Anthony Mark Oliver Harry Jack Philip
        Alexander Jonathan Timothy Kenneth Geoffrey Raymond Leonard Ronald Dominic Rupert Frederick Arthur Stanley"""),
        words("""Smith Jones Taylor Brown Wilson Johnson Walker Wright Robinson Thompson White Hughes Edwards Green
        Hall Wood Harris Clarke Turner Hill Cooper Ward Moore Baker Harrison King Parker Bennett Cook Shaw Mason Collins
        Ellis Chapman Webb Rogers Barnes Knight Butler Fisher Holmes Palmer Mills Dixon Hunt Fletcher Gibson Pearson
        Andrews Reynolds Fowler Barker Lawson Saunders Hartley Whitfield Ashworth Bickerstaff Thistlewood Pemberton
        Wetherby Hargreaves Entwistle Featherstone Goodfellow Loveday Threlfall Wolstenholme Ravenscroft"""),
    ),
    Origin(
        "irish",
        5,
        "shared",
        words(
            "Mary Siobhan Aoife Bridget Niamh Eileen Maureen Kathleen Sinead Roisin Orla Ciara Deirdre Noreen Grainne"
        ),
        words("Patrick Sean Michael Liam Conor Brendan Kevin Declan Eamon Niall Padraig Fergal Cormac Dermot Ciaran"),
        words("""Murphy Kelly O'Sullivan Walsh O'Brien Byrne Ryan O'Connor Doyle McCarthy Gallagher Doherty Kennedy
        Lynch Murray Quinn McLoughlin O'Reilly Fitzgerald Nolan Keane Hennessy Ni_Bhriain O'Shaughnessy"""),
    ),
    Origin(
        "scottish",
        3,
        "shared",
        words("Fiona Morag Isla Catriona Eilidh Kirsty Aileen Moira Shona Lorna Mairi Heather Isobel Ailsa"),
        words("Alasdair Ewan Hamish Callum Angus Iain Gordon Duncan Malcolm Fraser Stuart Gregor Ross Craig"),
        words("""Campbell MacDonald Stewart Robertson Anderson Scott MacKenzie Reid Ross Mackay Fraser Cameron McLeod
        Graham Grant Sinclair Buchanan Urquhart Farquharson Colquhoun MacGillivray"""),
    ),
    Origin(
        "welsh",
        2,
        "shared",
        words("Megan Carys Rhiannon Sian Bethan Angharad Nia Gwen Eleri Cerys Ffion Mair"),
        words("Rhys Gareth Dylan Owain Huw Evan Gethin Iwan Emrys Geraint Llewellyn Dafydd"),
        words(
            "Davies Evans Williams Thomas Roberts Lewis Griffiths Morgan Owen Price Rees Lloyd Pugh Gwilliam Prosser"
        ),
    ),
    Origin(
        "caribbean",
        5,
        "shared",
        words("""Marcia Yvonne Beverley Sharon Chantelle Keisha Shanice Monique Paulette Gloria Icilda Merlene Tanisha
        Jada Aaliyah Simone Lorraine Winsome"""),
        words("""Winston Delroy Leroy Marlon Jerome Tyrone Dwayne Errol Clive Jermaine Andre Curtis Desmond Neville
        Rohan Kwame Lloyd Cleveland"""),
        words("""Campbell Brown Williams Francis Grant Gordon Bailey Reid Henry Clarke Lewis Samuels Pinnock Joseph
        Charles Alleyne Braithwaite Cumberbatch Dacosta Fearon Blackwood Hylton Lindo Wynter St_Louis Archibald"""),
    ),
    Origin(
        "yoruba",
        3,
        "shared",
        words("""Folasade Omolara Yetunde Titilayo Funmilayo Abimbola Bukola Temitope Adenike Ayomide Modupe Oluwaseun
        Morenike Kehinde Taiwo"""),
        words("""Oluwaseun Babatunde Olufemi Adebayo Ayodele Kayode Olumide Segun Tunde Temitope Olusegun Gbenga
        Kehinde Taiwo Damilola"""),
        words("""Adeyemi Ogunleye Adebayo Afolabi Oladipo Akinola Ojo Balogun Ogundipe Adewale Olatunji Fashola
        Akintola Oyelaran Adegoke Bamidele Odunsi Sotunde Oyinlola Akinwunmi"""),
        language="yo",
    ),
    Origin(
        "igbo",
        2,
        "shared",
        words("Ngozi Chioma Adaeze Ifeoma Chinwe Nkechi Amaka Uchenna Obioma Chidinma Nneka Ebele"),
        words("Chukwuemeka Obinna Ikenna Chidi Emeka Nnamdi Uchenna Kelechi Okechukwu Ifeanyi Chinedu Obiora"),
        words("""Okafor Okonkwo Eze Nwosu Obi Okoye Onyeka Nwachukwu Anyanwu Igwe Uzor Chukwu Azikiwe Nnadi Onwudiwe
        Ekwueme"""),
    ),
    Origin(
        "ghanaian",
        3,
        "shared",
        words("Abena Akosua Ama Efua Yaa Adwoa Esi Afia Akua Comfort Gifty Mavis Serwaa Patience"),
        words("Kwame Kofi Kwabena Yaw Kojo Kwaku Kwesi Emmanuel Nana Ebenezer Fiifi Samuel Prince Isaac"),
        words("""Mensah Owusu Boateng Osei Asante Appiah Amoah Agyeman Ofori Asamoah Addo Acheampong Antwi Darko
        Sarpong Opoku Quaye Ankrah Nkansah Tetteh Boakye-Yiadom"""),
    ),
    Origin(
        "somali",
        4,
        "grandfather",
        words("""Amina Fadumo Halima Hodan Khadija Sahra Ayaan Ifrah Maryan Nimco Ubah Zamzam Asha Faiza Hibo Idil Deqa
        Sagal"""),
        words("""Mohamed Abdi Ahmed Ali Hassan Abdullahi Yusuf Omar Ibrahim Farah Warsame Abdirahman Mahad Guled
        Liban Bashir Jama Khalif"""),
        words("""Mohamed Ali Hassan Abdi Ahmed Farah Warsame Jama Hussein Omar Yusuf Ismail Nur Aden Osman Elmi Duale
        Egal Samatar Gaal"""),
        spouses_share=0.0,
        language="so",
    ),
    Origin(
        "ethiopian-eritrean",
        3,
        "father",
        words("Selam Tigist Hiwot Almaz Meron Rahel Saba Bethlehem Senait Azeb Tsehay Winta Feven Mulu Genet Eden"),
        words("Dawit Yohannes Tesfaye Abebe Bereket Solomon Mekonnen Haile Samuel Girma Tekle Yonas Kidane Berhane"),
        words("""Tesfaye Haile Bekele Gebremedhin Abebe Tekle Girma Kidane Woldemariam Mekonnen Berhane Alemu Desta
        Gebreselassie Negash Habte Tsegaye Asfaw Ghebreyesus Tewolde Araya"""),
        spouses_share=0.0,
        language="am",
    ),
    Origin(
        "indian-hindu",
        4,
        "shared",
        words("""Priya Anjali Sunita Pooja Neha Kavita Meera Lakshmi Deepa Rekha Shreya Asha Nisha Hemlata Jyoti Ananya
        Bhavna Sushila"""),
        words("""Rahul Amit Sanjay Rajesh Vikram Anil Suresh Arjun Nikhil Ravi Kiran Dinesh Bharat Harish Manoj Ashok
        Jayesh Pradeep"""),
        words("""Patel Shah Sharma Desai Mehta Gupta Joshi Kumar Reddy Iyer Nair Chopra Agarwal Bhatt Trivedi Parmar
        Mistry Pillai Kapoor Bhatnagar Chaudhary Krishnamurthy Subramaniam Thakkar"""),
        language="gu",
    ),
    Origin(
        "sikh",
        2,
        "singh-kaur",
        words(
            "Harpreet Manpreet Jaspreet Simran Gurpreet Parminder Rajinder Kulwinder Navdeep Sukhwinder Amrit Baljit"
        ),
        words(
            "Harpreet Gurpreet Manjit Jaswinder Amarjit Balwinder Sukhdev Rajinder Paramjit Kulwinder Navdeep Tejinder"
        ),
        words("Gill Sandhu Dhillon Grewal Sidhu Dhaliwal Bains Atwal Johal Randhawa Chahal Virk Ahluwalia"),
        language="pa",
    ),
    Origin(
        "pakistani",
        4,
        "honorific",
        words("""Ayesha Fatima Saima Nadia Shazia Rukhsana Sadia Zainab Rabia Farzana Nasreen Uzma Hina Parveen Mariam
        Samina"""),
        words("""Mohammed Imran Asif Usman Bilal Tariq Kamran Shahid Hamza Zubair Nadeem Faisal Adnan Waqar Naveed
        Ghulam"""),
        words("""Khan Hussain Ahmed Malik Iqbal Mahmood Akhtar Ali Shah Mirza Butt Qureshi Raja Chaudhry Aslam Siddiqui
        Sheikh Bhatti Abbasi Rehman"""),
        spouses_share=0.3,
        language="ur",
    ),
    Origin(
        "bangladeshi",
        4,
        "honorific",
        words("""Nazma Shirin Rahima Fatema Sultana Rehana Jahanara Taslima Rokeya Nasima Salma Shahana Ruksana Momtaz
        Hasina Lutfa"""),
        words("""Abdul Mohammed Shah Md_Rafiqul Kamal Jamal Anwar Habibur Mizanur Shafiq Abu Nurul Faruk Aminul Delwar
        Rezaul"""),
        words("""Ali Miah Rahman Uddin Islam Ahmed Hussain Choudhury Haque Hoque Karim Alam Khan Malik Mannan Salam
        Sarker Talukder"""),
        spouses_share=0.0,
        language="bn",
    ),
)
